"""The `dockwarden-registrar` command: parsing and printing, nothing else."""
