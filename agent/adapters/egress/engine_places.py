"""Which cgroups are the engines': those of the running ones, and where systemd would start them."""

import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ENGINES = frozenset({"dockerd", "containerd"})
SERVICES = ("system.slice/docker.service", "system.slice/containerd.service")


@dataclass(frozen=True, slots=True)
class EnginePlace:
    """`cgroups` to refuse by default; `unusable` engines, in words; `netns` is where they are."""

    cgroups: frozenset[str]
    unusable: tuple[str, ...]
    netns: int


def find(docker_socket: str, netns: int | None = None, proc: Path = Path("/proc")) -> EnginePlace:
    """Look for engines in one network namespace (its inode; None: the engine's that listens at
    the socket, else our own): one inside a container has its own, and is not this host's."""
    if netns is None:
        netns = _netns(proc, _listener(docker_socket, proc)) or _netns(proc, "self")
    cgroups, unusable = set(SERVICES), []
    for pid, name in _running(proc):
        if netns != _netns(proc, pid):
            continue
        path = _cgroup(proc, pid)
        if not path:
            continue  # gone, or no cgroup2 here: the firewall says so itself
        reason = _why_not(path)
        if reason:
            unusable.append(f"{name} (process {pid}) {reason}")
        else:
            cgroups.add(path.strip("/"))
    return EnginePlace(frozenset(cgroups), tuple(unusable), netns)


def _why_not(path: str) -> str:
    """Why a cgroup cannot identify its engine alone."""
    advice = "its own connections cannot be recognised: run it as a systemd service"
    if path == "/":
        return f"runs in the root cgroup, {advice}"
    if path.startswith(("/user.slice", "/init.scope")):
        return f"runs in the login session {path}, {advice}"
    return ""


def _running(proc: Path) -> Iterator[tuple[str, str]]:
    for entry in os.scandir(proc):
        if not entry.name.isdecimal():
            continue
        try:
            name = (proc / entry.name / "comm").read_text().strip()
        except OSError:  # it ended
            continue
        if name in ENGINES:
            yield entry.name, name


def _listener(path: str, proc: Path) -> str:
    """The pid of the engine that listens at a socket; our own where systemd listens for it."""
    try:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(path)
            option = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        pid = str(struct.unpack("=3i", option)[0])
        return pid if (proc / pid / "comm").read_text().strip() in ENGINES else "self"
    except OSError:
        return "self"


def _netns(proc: Path, pid: str) -> int:
    try:
        return (proc / pid / "ns/net").stat().st_ino
    except OSError:
        return 0


def _cgroup(proc: Path, pid: str) -> str:
    """Its place in the unified hierarchy, from that hierarchy's root; empty when unknown."""
    try:
        for line in (proc / pid / "cgroup").read_text().splitlines():
            if line.startswith("0::"):
                return line[3:].removesuffix(" (deleted)")
    except OSError:
        return ""
    return ""
