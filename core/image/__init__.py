"""What an image is: digests, references, and what an engine reports of a container's image."""
