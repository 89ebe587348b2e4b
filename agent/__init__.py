"""dockwarden's agent: lets a container host run approved images and nothing else."""
