"""The list in force: loaded, synced, watched for freshness; break-glass."""
