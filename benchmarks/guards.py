"""What guards a host during a benchmark: dockwarden, or what one would use without it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from benchmarks.arena import Arena
from tests.lab.agent import ROOT
from tests.lab.errors import LabError

DOCKWARDEN, START_POINT = "dockwarden", "start-point"
RAW, DOCKER_PY, SHELL = "raw-limit", "docker-py-script", "shell-loop"

SHELL_LOOP = (
    "docker events --filter event=start --format '{{.ID}}' | "
    "while read -r id; do docker kill $id; done"
)
AGENT, BASELINE = "agent", "baseline"  # the cgroups below the host's in which they sit
_ALL_POINTS = ("create", "gate", "start")


class Guard(Protocol):
    """Something that keeps unapproved containers from running."""

    def start(self) -> None:
        """Return when it guards."""
        ...

    def stop(self) -> None:
        """Return when it no longer does."""
        ...


class Dockwarden:
    """The agent in enforce mode, with these enforcement points."""

    def __init__(self, arena: Arena, enforcement_points: Sequence[str] = _ALL_POINTS) -> None:
        self._agent = arena.agent
        self._nets = enforcement_points

    def start(self) -> None:
        """Start it and wait until it works."""
        self._agent.configure(enforcement={"enforcement_points": list(self._nets)})
        self._agent.start()

    def stop(self) -> None:
        """Stop it as systemd does."""
        self._agent.stop()


class Program:
    """A program that kills at the start event; `says` it is ready, or is given a warm-up's time."""

    def __init__(self, arena: Arena, command: Sequence[str], *, says: bool = True) -> None:
        self._host = arena.host
        self._command = command
        self._says = says
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it inside the host and wait until it says that it listens."""
        self._process = self._host.popen(
            self._command,
            environment={"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE if self._says else subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cgroup=BASELINE,
        )
        if self._says:
            assert self._process.stdout is not None  # PIPE was asked for
            if not self._process.stdout.readline():
                raise LabError(f"it ended at once: {' '.join(self._command)}")

    def stop(self) -> None:
        """Kill it with its children (popen made it the leader of a session)."""
        assert self._process is not None  # it was started
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(20)
        if self._process.stdout is not None:
            self._process.stdout.close()


def _killer(arena: Arena, *arguments: str) -> Program:
    return Program(arena, [sys.executable, "-m", "benchmarks.killers", *arguments])


def docker_py_script(arena: Arena) -> Program:
    """The plain docker-py script."""
    return _killer(arena, "docker-py", str(arena.host.docker_socket))


def raw_limit(arena: Arena) -> Program:
    """The fastest that anything can be which waits for the start event."""
    host = arena.host
    cgroups = str(host.containers_cgroup_inside)
    return _killer(arena, "raw", str(host.docker_socket), cgroups, host.cgroup)


GUARDS: Mapping[str, Callable[[Arena], Guard]] = {
    DOCKWARDEN: Dockwarden,
    START_POINT: lambda arena: Dockwarden(arena, enforcement_points=("start",)),
    RAW: raw_limit,
    DOCKER_PY: docker_py_script,
    SHELL: lambda arena: Program(arena, ["sh", "-c", SHELL_LOOP], says=False),
}
