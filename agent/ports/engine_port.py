"""A container engine and its event stream, in the domain's own terms."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from core.image.identity import Container, ImageIdentity


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

    Either means: something may have been missed, so list and evaluate all. Their `time_ns` is that
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
        `StreamNote.UNREADABLE` replaces each event that cannot be read. The caller only
        queues: a stalled reader loses events without a sign. Ends or raises
        `EngineUnavailable` when the connection is lost.
        """
        ...

    def close(self) -> None:
        """Make a running `batches` end, from another thread."""
        ...
