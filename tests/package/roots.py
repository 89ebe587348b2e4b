"""Root file systems of booted test machines: made once by mmdebstrap, kept in the lab's cache.

`python -m tests.package.roots` makes those that are missing.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from tests.lab.apt import run_checked
from tests.lab.apt_sources import debian_mirror
from tests.lab.errors import LabError
from tests.lab.paths import cache_directory, cache_lock

SUITES = ("bookworm", "trixie")

# The engine and whatever the packages depend on: the machines have no way to a mirror.
_PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "ca-certificates", "iproute2", "procps", "kmod", "git"),
    *("nftables", "libnftables1", "python3", "python3-nftables", "iptables", "docker.io"),
)
_ONLY_IN = {"trixie": ("docker-cli",)}
_LAYOUT = 1
"""Counts changes to what a root contains; one of another layout is made again."""


def root(suite: str) -> Path:
    """Where the unpacked root of a Debian release lies, whether it is there or not."""
    return cache_directory() / "roots" / f"{suite}-{_LAYOUT}"


def missing(suite: str = SUITES[0]) -> str:
    """Why a machine of that release cannot be booted here at once; empty if it can."""
    if os.geteuid() != 0:
        return "booted machines need root: sudo scripts/test --package"
    if not root(suite).is_dir():
        return f"no root of Debian {suite} is cached: scripts/test --package makes it"
    if shutil.which("systemd-nspawn") is None:
        return "systemd-container is not installed: scripts/test --package installs it"
    return ""


def make(suite: str) -> Path:
    """Return the root of a release, made first if it is not there: a minute and a half."""
    with cache_lock():
        place = root(suite)
        if not place.is_dir():
            _bootstrap(suite, place)
        return place


def _bootstrap(suite: str, place: Path) -> None:
    mirror = debian_mirror()
    staging = place.with_name(f".{place.name}")
    shutil.rmtree(staging, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    packages = (*_PACKAGES, *_ONLY_IN.get(suite, ()))
    command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(packages)}"]
    command += ['--aptopt=Acquire::Languages "none"', "--components=main"]
    for left_out in ("/usr/share/man/*", "/usr/share/locale/*"):
        command.append(f"--dpkgopt=path-exclude={left_out}")
    try:
        run_checked([*command, suite, str(staging), mirror], timeout_s=1200)
    except LabError as error:
        raise LabError(
            f"no root of {suite}: {error}", "check the network and the mirror"
        ) from error
    # Theirs alone: a cloned machine id would be every machine's.
    (staging / "etc/machine-id").write_text("uninitialized\n")
    # Their one network needs no configuration, and would be waited for in vain.
    wait = staging / "etc/systemd/system/systemd-networkd-wait-online.service"
    wait.symlink_to("/dev/null")
    staging.rename(place)


def main() -> int:
    """Make what is missing and say so."""
    for suite in SUITES:
        print(f"root of Debian {suite}: {make(suite)}", file=sys.stderr, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
