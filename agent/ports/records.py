"""Where findings, evidence and the place in the event stream are kept."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from agent.domain.finding import Finding


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
