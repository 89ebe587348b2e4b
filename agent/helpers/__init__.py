"""Processes of their own beside the daemon: gate, firewall, sync, uplink."""
