"""The control groups of a lab host, in every hierarchy that the machine has.

Nothing here acts outside ``/dwlab-<id>`` and ``/dwlab-<id>-<anything>``, which tests may use as a
cgroup parent outside the host's own: the name is checked before any kill or removal.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.lab.errors import CgroupUnavailable, LabError
from tests.lab.paths import HOST_NAME
from tests.patience import PATIENCE


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One mounted cgroup hierarchy: version 2, or a version 1 hierarchy with its controllers."""

    version: int
    controllers: frozenset[str]
    mount: Path


def hierarchies() -> tuple[Hierarchy, ...]:
    """Return the hierarchies mounted on this machine (proc(5), mountinfo)."""
    found: dict[Path, Hierarchy] = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, super_options = after.split(" ", 2)
        mount = Path(before.split()[4])
        if kind == "cgroup2":
            found[mount] = Hierarchy(2, frozenset(), mount)
        elif kind == "cgroup":
            found[mount] = Hierarchy(1, frozenset(super_options.split(",")), mount)
    return tuple(found.values())


def unified() -> Path:
    """Return where the version 2 hierarchy is mounted."""
    for hierarchy in hierarchies():
        if hierarchy.version == 2:
            return hierarchy.mount
    raise CgroupUnavailable(
        "no cgroup2 is mounted on this machine",
        "mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified",
    )


def freezer() -> Path | None:
    """Return where the version 1 freezer is mounted, None on a machine with version 2 only."""
    for hierarchy in hierarchies():
        if "freezer" in hierarchy.controllers:
            return hierarchy.mount
    return None


def require(version: str) -> None:
    """Raise ``CgroupUnavailable`` if hosts with cgroup ``version`` cannot exist here."""
    unified()
    if version == "v1" and freezer() is None:
        raise CgroupUnavailable(
            "this machine has no version 1 freezer, so no engine can use cgroup v1",
            "boot with systemd.unified_cgroup_hierarchy=0, or test v2 only",
        )


def create(name: str, leaf: str) -> tuple[Path, ...]:
    """Make ``/<name>/<leaf>`` for the lab's own processes; return the cgroup.procs files."""
    roots = [unified()]
    frozen = freezer()
    if frozen:
        roots.append(frozen)
    files = []
    for root in roots:
        directory = _own(root, name) / leaf
        directory.mkdir(parents=True, exist_ok=True)
        files.append(directory / "cgroup.procs")
    return tuple(files)


def processes(name: str) -> set[int]:
    """Return the processes anywhere below ``/<name>``, in any hierarchy."""
    found: set[int] = set()
    for directory in _directories(name):
        try:
            found |= {int(pid) for pid in (directory / "cgroup.procs").read_text().split()}
        except OSError:
            continue
    return found - {0}


def kill(name: str) -> None:
    """Kill and thaw everything below ``/<name>`` until nothing is left."""
    end = time.monotonic() + PATIENCE
    while True:
        _thaw(name)
        for root in _roots(unified(), name):
            _write(root / "cgroup.kill", "1")
        left = processes(name) - {os.getpid()}
        if not left:
            return
        for pid in left:
            _signal(pid)
        if time.monotonic() > end:
            raise LabError(f"{name}: processes {sorted(left)} survive SIGKILL")
        time.sleep(0.02)


def remove(name: str) -> None:
    """Remove the directories of ``/<name>`` in all hierarchies, deepest first."""
    end = time.monotonic() + PATIENCE
    while True:
        for directory in reversed(list(_directories(name))):
            try:
                directory.rmdir()
            except OSError:
                continue
        left = list(_directories(name))
        if not left:
            return
        if time.monotonic() > end:
            raise LabError(f"cgroups remain: {', '.join(map(str, left))}")
        time.sleep(0.02)


def names() -> set[str]:
    """Return the names of the lab hosts that have cgroups on this machine."""
    found = set()
    for hierarchy in hierarchies():
        for directory in hierarchy.mount.glob("dwlab-*"):
            name = "-".join(directory.name.split("-")[:2])
            if HOST_NAME.match(name):
                found.add(name)
    return found


def _directories(name: str) -> Iterator[Path]:
    for hierarchy in hierarchies():
        for root in _roots(hierarchy.mount, name):
            for path, _, _ in os.walk(root):
                yield Path(path)


def _roots(mount: Path, name: str) -> list[Path]:
    own = _own(mount, name)
    return [path for path in (own, *mount.glob(f"{name}-*")) if path.is_dir()]


def _own(mount: Path, name: str) -> Path:
    if not HOST_NAME.match(name):
        raise ValueError(f"{name!r} is not the cgroup of a lab host")
    return mount / name


def _thaw(name: str) -> None:
    for directory in _directories(name):
        if (directory / "freezer.state").exists():
            _write(directory / "freezer.state", "THAWED")
        elif (directory / "cgroup.freeze").exists():
            _write(directory / "cgroup.freeze", "0")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError:  # gone meanwhile, or a kernel older than 5.14 without cgroup.kill
        return


def _signal(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
