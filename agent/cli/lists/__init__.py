"""Commands about the allowlist and break-glass."""
