"""dockwarden's agent: lets a container host run approved images and nothing else."""

__version__ = "0.1.0"
