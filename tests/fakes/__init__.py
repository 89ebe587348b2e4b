"""In-memory stand-ins for the ports; each behaves as the real adapter does."""
