"""The one way out to the network: route, trust, limits and back-off of every HTTP client."""
