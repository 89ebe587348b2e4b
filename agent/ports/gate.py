"""The kernel's side: containers held as their cgroups appear, and killed past the engine."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class GateDecision(StrEnum):
    """The answer to a container held at the gate."""

    THAW = "thaw"
    KILL = "kill"
    LEAVE = "leave"  # the engine itself paused it: not the gate's to touch


@dataclass(frozen=True, slots=True)
class CgroupCreated:
    """A container's (or a build step's) cgroup appeared.

    `held`: it is frozen now and waits for a decision; not held: it had been admitted before, or
    the gate only watches. `created_ns` is CLOCK_MONOTONIC nanoseconds, 0 for one that was there
    when the gate began. One that is held is reported again if the gate's process dies meanwhile.
    """

    container_id: str
    cgroup: str
    held: bool
    created_ns: int
    build_step: bool = False


@dataclass(frozen=True, slots=True)
class HoldEnded:
    """A held container was thawed or killed. `unanswered`: its time limit decided, not a decision.

    `held_ms` is how long it was frozen. LEAVE with `unanswered`: it vanished by
    itself, or may have been paused by people.
    """

    container_id: str
    decision: GateDecision
    held_ms: float
    unanswered: bool = False


@dataclass(frozen=True, slots=True)
class GateState:
    """Whether the gate works: `working`, or why not in words (`reason`); emitted on change."""

    working: bool
    reason: str = ""


GateMessage = CgroupCreated | HoldEnded | GateState


@dataclass(frozen=True, slots=True)
class GateOrders:
    """Settings that can change while the gate works. `freeze` False only watches; `build_steps` is
    deny, report or allow."""

    freeze: bool
    hold_seconds: float
    on_timeout: GateDecision
    build_steps: str


class Gate(Protocol):
    """Freezes containers as their cgroups appear, until they are evaluated.

    Messages (`GateMessage`) are handed to the `sink` given at construction, from the gate's own
    thread. No method blocks.
    """

    def start(self) -> None:
        """Begin to watch; whether the gate works comes as `GateState`."""
        ...

    def admit(self, container_id: str) -> None:
        """This container is approved: do not hold it when it starts."""
        ...

    def refuse(self, container_id: str) -> None:
        """This container is unapproved: kill it as its cgroup appears."""
        ...

    def rule(self, container_id: str, decision: GateDecision) -> None:
        """Answer a held container."""
        ...

    def forget(self, container_id: str | None = None) -> None:
        """Drop what was said of one container, or of all (a new list)."""
        ...

    def cgroup(self, container_id: str) -> str | None:
        """The directory of a container's cgroup, if it is known."""
        ...

    def configure(self, orders: GateOrders) -> None:
        """Work by these from now on; what is held already keeps its time limit."""
        ...

    def close(self) -> None:
        """Settle what is held by the configured answer and stop watching."""
        ...


class Processes(Protocol):
    """The kernel's own way to act on a container, past the engine."""

    def kill(self, container_id: str, cgroup: str | None) -> bool:
        """SIGKILL every process of the container's cgroup; False when none was found."""
        ...

    def wait_empty(self, container_id: str, cgroup: str | None, timeout: float) -> bool:
        """Wait until no process of it is left; False when the time is up."""
        ...
