"""Taking hosts apart: processes, mounts, network, cgroups, directories, in that order.

Used by every teardown and by ``python -m tests.lab clean`` for what a crashed run left. It works
from the host's name alone and touches nothing that does not bear that name.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.lab import cgroups, namespaces
from tests.lab.errors import LabError
from tests.lab.paths import HOST_NAME, host_directory, work_root
from tests.patience import PATIENCE


@dataclass(frozen=True, slots=True)
class Traces:
    """What a host still has on this machine; empty after a good teardown."""

    processes: frozenset[int]
    cgroups: bool
    network: bool
    mounts: tuple[str, ...]
    directory: bool

    @property
    def none(self) -> bool:
        """Whether nothing is left."""
        return not (self.processes or self.cgroups or self.network or self.mounts or self.directory)


def make_directory(name: str) -> None:
    """Make a host's work directory; from its first moment it says which process owns it."""
    directory = host_directory(name)
    staging = directory.with_name(f".{name}")
    staging.mkdir(mode=0o711)
    _write_owner(staging, os.getpid())
    staging.rename(directory)


def hand_over(name: str, pid: int) -> None:
    """From now on the host belongs to that process: it may outlive the one that made it."""
    _write_owner(host_directory(name), pid)


def owned(name: str) -> bool:
    """Whether somebody still uses the host: the process that made it lives.

    Where its directory cannot be seen (another container's lab has the same cgroups), any living
    process of the host counts.
    """
    try:
        owner = json.loads((host_directory(name) / "owner.json").read_text())
    except (FileNotFoundError, ValueError):
        return bool(cgroups.processes(name))
    return bool(_started(owner["pid"]) == owner["started"])


def traces(name: str) -> Traces:
    """Return what is left of a host."""
    directory = host_directory(name)
    return Traces(
        frozenset(cgroups.processes(name) | _strays(name)),
        name in cgroups.names(),
        (namespaces.NETWORKS / name).exists(),
        tuple(_mounts(directory)),
        directory.exists(),
    )


def names() -> list[str]:
    """Return the names of all hosts with anything left on this machine, running ones included."""
    found = cgroups.names()
    for parent in (namespaces.NETWORKS, work_root()):
        found |= {path.name for path in parent.glob("dwlab-*") if HOST_NAME.match(path.name)}
    return sorted(found)


def remove_host(name: str) -> None:
    """Remove everything of a host; every step is tried, then the failures are raised as one."""
    steps: tuple[Callable[[str], None], ...] = (
        cgroups.kill,
        _kill_strays,
        _unmount,
        namespaces.remove_network,
        cgroups.remove,
        _remove_directory,
    )
    problems = []
    for step in steps:
        try:
            step(name)
        except (LabError, OSError, subprocess.SubprocessError) as error:
            problems.append(str(error))
    if problems:
        raise LabError(f"{name} was not removed whole: {'; '.join(problems)}")


def _write_owner(directory: Path, pid: int) -> None:
    owner = json.dumps({"pid": pid, "started": _started(pid)})
    (directory / "owner.json").write_text(owner)


def _strays(name: str) -> set[int]:
    """Return processes outside the host's cgroups whose root lies in its work directory.

    ``docker run --cgroup-parent /elsewhere`` makes such. Their own mount table names the
    work directory, which is unique to the host.
    """
    marker = f"{host_directory(name)}/"
    machine = Path("/proc/self/ns/mnt").readlink()
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "ns/mnt").readlink() == machine:
                continue
            if marker in (entry / "mountinfo").read_text():
                found.add(int(entry.name))
        except OSError:
            continue
    return found


def _kill_strays(name: str) -> None:
    end = time.monotonic() + PATIENCE
    while strays := _strays(name):
        for pid in strays:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if time.monotonic() > end:
            raise LabError(f"processes {sorted(strays)} survive SIGKILL")
        time.sleep(0.02)


def _mounts(directory: Path) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [line.split()[4] for line in lines]
    return [point for point in points if point.startswith(f"{directory}/")]


def _unmount(name: str) -> None:
    for point in reversed(_mounts(host_directory(name))):
        subprocess.run(["umount", "-l", point], check=True, capture_output=True, timeout=PATIENCE)


def _remove_directory(name: str) -> None:
    directory = host_directory(name)
    if directory.exists():
        shutil.rmtree(directory)


def _started(pid: int) -> str:
    """Return when a process began, in clock ticks since boot; empty if there is none (proc(5))."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]
