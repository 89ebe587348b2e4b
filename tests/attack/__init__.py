"""Attacks on the signed list's way to a host: each a named test."""
