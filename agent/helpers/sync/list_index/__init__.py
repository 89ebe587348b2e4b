"""The verified list as an SQLite index for the daemon."""
