"""Loops that act only through ports; they know no engine, no file and no firewall."""
