"""What an operator types and reads; nothing but parsing and printing."""
