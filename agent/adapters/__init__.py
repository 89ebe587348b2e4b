"""One module for each part of the outside world; adapters do not know each other."""
