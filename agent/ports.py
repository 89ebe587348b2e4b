"""What the control loops ask of the outside world, in the domain's own terms."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from agent.domain.allowlist import Approval, ListInfo, Statements
from agent.domain.finding import Finding
from agent.domain.identity import Container, ImageIdentity
from agent.domain.lockdown import Drift


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """The wall clock, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """One event of the engine's stream.

    `type` and `action` are the engine's words (`container`, `start`); an action's tail after
    `:` (exec commands, health) is cut. `actor` is the container ID, or what the event's type
    uses (a reference for pull, a digest for delete). `image` and `name` are what people typed.
    `time_ns` is nanoseconds since the epoch by the engine's clock; pass `time_ns + 1` to resume.
    """

    type: str
    action: str
    actor: str
    time_ns: int
    image: str = ""
    name: str = ""


class StreamNote(StrEnum):
    """What an event stream says of itself: the actions of events whose type is `STREAM`.

    Either means: something may have been missed, so list and judge all. Their `time_ns` is that
    of the last real event.
    """

    GAP = "gap"  # the engine no longer remembers all since the instant asked for
    UNREADABLE = "unreadable"  # one event could not be read; `name` holds how it begins


STREAM = "stream"


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What the engine says of itself."""

    version: str
    api_version: str
    cgroup_driver: str  # cgroupfs | systemd | none
    cgroup_version: str  # "1" | "2"
    storage_driver: str
    containerd_store: bool
    root_dir: str
    live_restore: bool


class Engine(Protocol):
    """One container engine. Methods raise `EngineUnavailable` when it does not answer in time.

    Those that act on a container that is gone return quietly: gone is what was wanted.
    """

    def info(self) -> EngineInfo:
        """Version, cgroup driver and version, image store."""
        ...

    def containers(self) -> Sequence[Container]:
        """All containers, stopped ones too, with their image IDs (takes no container lock)."""
        ...

    def container(self, container_id: str) -> Container | None:
        """One container by the same lock-free call; None when the engine has none such."""
        ...

    def chain(self, image: ImageIdentity) -> ImageIdentity:
        """The same identity with its layer chain looked up (for `derived`)."""
        ...

    def image(self, reference: str) -> ImageIdentity | None:
        """The image that a reference, digest or ID means on this host now; for `check`."""
        ...

    def evidence(self, container: Container) -> Mapping[str, Any]:
        """Inspect, image inspect and history as far as they can be had without waiting long."""
        ...

    def kill(self, container_id: str) -> None:
        """SIGKILL by the engine's API, so that no restart policy brings it back."""
        ...

    def stop(self, container_id: str, timeout: float) -> None:
        """Graceful stop: its stop signal, then SIGKILL after `timeout` seconds."""
        ...

    def pause(self, container_id: str) -> None:
        """Freeze all its processes, visibly to the engine."""
        ...

    def remove(self, container_id: str) -> None:
        """Force removal with its anonymous volumes."""
        ...


class EventStream(Protocol):
    """The engine's event stream."""

    def batches(self, since_ns: int | None) -> Iterator[Sequence[EngineEvent]]:
        """Events in order, in batches as they arrive, replayed from `since_ns` (inclusive).

        `since_ns` is the last event's `time_ns + 1`; None: from now. The first batch is empty
        and means: subscribed. A `StreamNote.GAP` follows where continuity is not proven; one
        `StreamNote.UNREADABLE` stands for each event that cannot be read. The caller only
        queues: a stalled reader loses events without a sign. Ends or raises
        `EngineUnavailable` when the connection is lost.
        """
        ...

    def close(self) -> None:
        """Make a running `batches` end, from another thread."""
        ...


class TrustedList(Protocol):
    """A whole trusted allowlist; immutable, safe to read from any thread."""

    @property
    def info(self) -> ListInfo:
        """Sequence, origin, contact."""
        ...

    def about(self, image: ImageIdentity) -> Statements:
        """Every statement that bears on the image."""
        ...

    def approvals(self) -> Iterable[Approval]:
        """Every approval (for the nearest approved image of a repository)."""
        ...

    def next_expiry(self, now: datetime) -> datetime | None:
        """The next instant at which a verdict can change by itself."""
        ...


class AllowlistSource(Protocol):
    """Where the list comes from; raises `AllowlistRejected` for one that cannot be trusted."""

    def load(self) -> TrustedList:
        """The current list, checked whole, or an error that names file, place and fix."""
        ...

    def watched(self) -> Sequence[str]:
        """Paths whose change means: load again."""
        ...


class Ruling(StrEnum):
    """The answer to a container held at the gate."""

    THAW = "thaw"
    KILL = "kill"
    LEAVE = "leave"  # the engine itself paused it: not the gate's to touch


@dataclass(frozen=True, slots=True)
class Birth:
    """A container's (or a build step's) cgroup appeared.

    `held`: it is frozen now and waits for a ruling; not held: it had been admitted before, or
    the gate only watches. `born_ns` is CLOCK_MONOTONIC nanoseconds, 0 for one that was there
    when the gate began. One that is held is told again if the gate's process dies over it.
    """

    container_id: str
    cgroup: str
    held: bool
    born_ns: int
    build_step: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """A held container was thawed or killed. `unanswered`: its time limit decided, not a ruling.

    `held_ms` is how long it was frozen. LEAVE with `unanswered`: it vanished by
    itself, or may have been paused by people.
    """

    container_id: str
    ruling: Ruling
    held_ms: float
    unanswered: bool = False


@dataclass(frozen=True, slots=True)
class GateState:
    """Whether the gate stands: `standing`, or why not in words (`reason`); emitted on change."""

    standing: bool
    reason: str = ""


GateMessage = Birth | Settled | GateState


class Gate(Protocol):
    """Freezes containers as their cgroups appear, until they are judged.

    Messages (`GateMessage`) are handed to the `sink` given at construction, from the gate's own
    thread. No method blocks.
    """

    def start(self) -> None:
        """Begin to watch; whether it stands comes as `GateState`."""
        ...

    def admit(self, container_id: str) -> None:
        """This container is judged approved: do not hold it when it starts."""
        ...

    def refuse(self, container_id: str) -> None:
        """This container is judged unapproved: kill it as its cgroup appears."""
        ...

    def rule(self, container_id: str, ruling: Ruling) -> None:
        """Answer a held container."""
        ...

    def forget(self, container_id: str | None = None) -> None:
        """Drop what was said of one container, or of all (a new list)."""
        ...

    def cgroup(self, container_id: str) -> str | None:
        """The directory of a container's cgroup, if it is known."""
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


class FindingSink(Protocol):
    """Where findings go. `record` returns when the finding is durable (or raises `SinkFailed`)."""

    def record(self, findings: Sequence[Finding]) -> None:
        """Keep these, in order."""
        ...


class EvidenceStore(Protocol):
    """Keeps what was captured of a container before it was acted upon."""

    def keep(self, finding_id: str, evidence: Mapping[str, Any]) -> str:
        """Write it durably, readable by root only; returns its path."""
        ...


class Bookmark(Protocol):
    """Survives the agent's death: up to which engine event everything is dealt with."""

    def read(self) -> int | None:
        """Nanoseconds since the epoch, or None at first."""
        ...

    def write(self, time_ns: int) -> None:
        """Cheap enough to be called for each batch."""
        ...


class FileWatch(Protocol):
    """Tells of changes of single files, also when editors replace them or folders are missing."""

    def watch(self, paths: Sequence[str], changed: Callable[[str], None]) -> None:
        """Call `changed(path)` from the watcher's thread, once a burst."""
        ...

    def close(self) -> None:
        """Stop watching."""
        ...


class Layer(Protocol):
    """One part of the lockdown: observe, diff, apply, verify, restore; nothing is remembered that
    could be observed. Raises `LayerFailed`, having changed nothing or put back what it changed."""

    @property
    def name(self) -> str:
        """Constant, short: `daemon.json`, `firewall`."""
        ...

    def drift(self) -> Drift:
        """Observe and compare with what is desired; touches nothing."""
        ...

    def apply(self) -> Drift:
        """Bring it to the desired state and verify; returns what differed before."""
        ...

    def restore(self) -> Drift:
        """Put back what was there before the first `apply`; returns what was undone."""
        ...

    def watched(self) -> Sequence[str]:
        """Files whose change means: look again."""
        ...
