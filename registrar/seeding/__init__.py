"""Proposals from what runs already: collected, written down for review."""
