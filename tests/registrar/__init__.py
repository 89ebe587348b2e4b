"""Tests of dockwarden-registrar."""
