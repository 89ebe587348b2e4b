"""Figures measured on this machine; each benchmark carries its baseline in the same run."""
