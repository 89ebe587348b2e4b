"""The collector's values: records as they come in, and what the page shows."""
