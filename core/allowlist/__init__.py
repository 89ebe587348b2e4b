"""What is approved, denied and waived, level by level, and the document that says so."""
