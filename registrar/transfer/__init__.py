"""Copies whole images byte for byte: between registries, and to and from OCI layout folders."""
