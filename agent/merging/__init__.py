"""Other programs' configuration files with our keys in them; text in, text out; no I/O."""
