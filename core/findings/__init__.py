"""What is reported about a container or about dockwarden itself, and its record."""
