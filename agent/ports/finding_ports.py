"""Where findings, evidence and the place in the event stream are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from core.findings.finding import Finding


class FindingSink(Protocol):
    """Where findings go. `record` returns when the finding is durable (or raises `SinkFailed`)."""

    def record(self, findings: Sequence[Finding]) -> None:
        """Keep these, in order."""
        ...


class ExportTransport(Protocol):
    """The way to one receiver beside the host; may block for as long as its own timeouts say."""

    def send(self, findings: Sequence[Finding]) -> int:
        """Deliver a batch, in order; returns how many of it the receiver refused for good.

        Raises `SinkRefused` when the whole batch will never be taken, `SinkBusy` when the
        receiver names a pause, `SinkFailed` for everything that may pass.
        """
        ...

    def close(self) -> None:
        """Give connections back."""
        ...


@dataclass(frozen=True, slots=True)
class SinkState:
    """How one remote sink is doing: counts of findings since the start, and its last error."""

    name: str
    waiting: int
    sent: int
    dropped: int  # the queue was full, or the agent ended first
    refused: int  # by the receiver, for good
    error: str


class Exporter(FindingSink, Protocol):
    """A sink beside the mandatory one, whose state is shown."""

    def state(self) -> SinkState:
        """Safe from any thread."""
        ...

    def close(self, timeout: float) -> None:
        """Send what waits, as far as `timeout` seconds reach."""
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
