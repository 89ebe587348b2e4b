"""Builds the packages; knows nothing of what the programs do."""
