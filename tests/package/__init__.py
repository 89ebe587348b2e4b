"""The packages: what is in them here, and how they live on booted machines."""
