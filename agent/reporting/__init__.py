"""Findings to files, spool and exporters; heartbeat, inventory, metrics."""
