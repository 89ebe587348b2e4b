"""What the page reads of the store."""
