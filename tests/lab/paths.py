"""Where the lab keeps what it downloads and where its hosts live while they run."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path

HOST_NAME = re.compile(r"^dwlab-[0-9a-f]{6}$")
"""The name of a host's network namespace, cgroup root and work directory. Teardown touches only
what bears such a name."""


def cache_directory() -> Path:
    """Return where downloads are kept between runs (``DOCKWARDEN_LAB_CACHE``)."""
    return Path(os.environ.get("DOCKWARDEN_LAB_CACHE", "/var/cache/dockwarden-lab"))


@contextlib.contextmanager
def cache_lock() -> Iterator[None]:
    """Let one process at a time fill the cache."""
    directory = cache_directory()
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def work_root() -> Path:
    """Return the parent of the hosts' work directories (``DOCKWARDEN_LAB_WORK``).

    It must be short: a unix socket's path holds 107 characters at most.
    """
    return Path(os.environ.get("DOCKWARDEN_LAB_WORK", "/var/tmp"))


def host_directory(name: str) -> Path:
    """Return the work directory of the host called ``name``."""
    if not HOST_NAME.match(name):
        raise ValueError(f"{name!r} is not the name of a lab host")
    return work_root() / name
