"""Keeps the host's settings and firewall as configured; reports what was refused."""
