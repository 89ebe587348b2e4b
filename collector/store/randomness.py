"""Where the collector's randomness comes from; the one place."""

import os


def random_bytes(count: int = 16) -> bytes:
    """From the kernel."""
    return os.urandom(count)
