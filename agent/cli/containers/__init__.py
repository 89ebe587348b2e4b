"""Commands about containers and images on this host."""
