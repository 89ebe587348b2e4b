"""From an image and an allowlist to a verdict with its reason; pure."""
