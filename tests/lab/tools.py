"""Debian programs the lab needs beside the engines, unpacked aside: busybox and the registry."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.lab.apt import PrivateApt
from tests.lab.paths import cache_directory, cache_lock

SUITE = "bookworm"


def busybox() -> Path:
    """Return a static busybox."""
    return _unpacked("busybox-static", "bin/busybox", "usr/bin/busybox")


def docker_registry() -> Path:
    """Return Debian's build of the distribution registry."""
    return _unpacked("docker-registry", "usr/bin/docker-registry")


def debs(suite: str, *packages: str) -> list[Path]:
    """Return these packages of a Debian release as files, for machines without a network."""
    with cache_lock():
        apt = PrivateApt(cache_directory() / "apt")
        apt.update()
        return [apt.download(package, suite) for package in packages]


def _unpacked(package: str, *programs: str) -> Path:
    root = cache_directory() / "tools" / package
    if not root.exists():
        with cache_lock():
            _fetch(package, root)
    return next(root / program for program in programs if (root / program).exists())


def _fetch(package: str, root: Path) -> None:
    if root.exists():  # another process was faster
        return
    apt = PrivateApt(cache_directory() / "apt")
    apt.update()
    staging = root.with_name(f"{package}.{os.getpid()}")
    shutil.rmtree(staging, ignore_errors=True)
    apt.unpack(package, SUITE, staging)
    staging.rename(root)
