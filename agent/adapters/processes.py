"""Finds what else on the host runs or fetches images; knows no policy and touches nothing.

Anything can have any name: this is for reports, never for a verdict. psutil is imported at the
first look (2 MiB).
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.text import printable, shortened

if TYPE_CHECKING:
    import psutil

KINDS = {
    "dockerd": "docker",
    "dockerd-rootless": "docker",
    "podman": "podman",
    "conmon": "conmon",  # podman's and CRI-O's
    "containerd": "containerd",
    "buildkitd": "buildkit",
    "kind": "kind",
    "k3s": "k3s",
    "k3s-server": "k3s",
    "k3s-agent": "k3s",
    "crio": "cri-o",
    "nerdctl": "nerdctl",
    "skopeo": "skopeo",
    "buildah": "buildah",
}
_CONTAINER = re.compile(r"[0-9a-f]{64}")
_COMMAND = 300  # characters of a command line that are kept
_URL_USER = re.compile(r"(://)[^/\s@]+@")
_SECRET = re.compile(r"((?:password|token|secret|creds?)[= ])\S+", re.I)


@dataclass(frozen=True, slots=True)
class OtherEngine:
    """A process that runs or fetches images past the guarded engine.

    `command` is its command line without credentials; `container` the ID of the container that
    it runs in, empty on the host itself; `user` the owner's name, or the number as text.
    """

    kind: str
    pid: int
    command: str
    uid: int
    user: str
    container: str = ""


def other_engines(engine_pid: int = 0) -> tuple[OtherEngine, ...]:
    """Every such process but the guarded engine and its own containerd, by pid.

    `engine_pid` is the guarded dockerd; 0: the first one started on the host itself. Shims that
    containerd runs for others than Docker (namespace other than `moby`) are reported as
    containerd, since that one process may serve both.
    """
    import psutil

    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        kind = _kind(process)
        if kind:
            found[process.pid] = process
    engine = engine_pid or _first_dockerd(found)
    ours = _own_containerd(found, engine)
    report = []
    for pid, process in sorted(found.items()):
        if pid != engine and pid not in ours and (other := _described(process)):
            report.append(other)
    return tuple(report)


def _kind(process: "psutil.Process") -> str:
    import psutil

    try:
        name = process.name()
        if name.startswith("containerd-shim"):
            namespace = _option(process.cmdline(), "-namespace") or "moby"
            return "" if namespace in {"moby", "plugins.moby"} else "containerd"
    except psutil.Error:  # it has ended
        return ""
    return KINDS.get(name, "")


def _described(process: "psutil.Process") -> OtherEngine | None:
    import psutil

    try:
        with process.oneshot():
            uid = process.uids().effective
            words = " ".join(process.cmdline()) or process.name()
            user = process.username()
    except psutil.Error:  # it has ended
        return None
    command = _SECRET.sub(r"\1***", _URL_USER.sub(r"\1***@", words))
    return OtherEngine(
        kind=_kind(process),
        pid=process.pid,
        command=shortened(printable(command), _COMMAND),
        uid=uid,
        user=printable(user),
        container=_container(process.pid),
    )


def _first_dockerd(found: Mapping[int, "psutil.Process"]) -> int:
    """The oldest dockerd outside containers; 0 when there is none."""
    import psutil

    started = []
    for pid, process in found.items():
        try:
            if process.name() == "dockerd" and not _container(pid):
                started.append((process.create_time(), pid))
        except psutil.Error:  # it has ended
            continue
    return min(started)[1] if started else 0


def _own_containerd(found: Mapping[int, "psutil.Process"], engine: int) -> set[int]:
    """The engine's containerd: its child, or else the host's own, which it then uses (moby
    `daemon/cmd/containerd.go`: a system containerd is preferred to one of its own)."""
    import psutil

    children, standard = set(), set()
    for pid, process in found.items():
        try:
            if process.name() != "containerd":
                continue
            if process.ppid() == engine:
                children.add(pid)
            elif process.ppid() == 1 and not _container(pid):
                standard.add(pid)
        except psutil.Error:  # it has ended
            continue
    return children or (standard if engine in found else set())


def _option(arguments: list[str], name: str) -> str:
    for index, argument in enumerate(arguments):
        if argument.startswith(f"{name}="):
            return argument.partition("=")[2]
        if argument == name and index + 1 < len(arguments):
            return arguments[index + 1]
    return ""


def _container(pid: int) -> str:
    try:
        groups = Path(f"/proc/{pid}/cgroup").read_bytes()
    except OSError:  # it has ended
        return ""
    match = _CONTAINER.search(os.fsdecode(groups))
    return match.group() if match else ""
