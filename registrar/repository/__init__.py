"""The signed repository (The Update Framework): what is built, signed, checked and published.

Knows TUF and keys; parses no command line and prints nothing.
"""
