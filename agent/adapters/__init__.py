"""One module a neighbour of the outside world; adapters do not know each other."""
