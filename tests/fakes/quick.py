"""A directory in memory, for tests that write hundreds of files durably."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MEMORY = Path("/dev/shm")


@contextmanager
def quick_directory() -> Iterator[Path]:
    """A fresh directory, gone afterwards; where there is no /dev/shm, on the disk."""
    parent = _MEMORY if _MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=parent) as directory:
        yield Path(directory)
