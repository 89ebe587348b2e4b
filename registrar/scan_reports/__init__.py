"""What scanners write, read into values: one reader for each report format; pure."""
