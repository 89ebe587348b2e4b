"""The way in for reports: limits, decoding, tokens; knows no SQL and no HTML."""
