"""What waits on this host for the collector, in the order in which it was written."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

FINDING: Final = "dockwarden.finding.v1"
HEARTBEAT: Final = "dockwarden.heartbeat.v1"
INVENTORY: Final = "dockwarden.inventory.v1"
DROPS: Final = "dockwarden.drops.v1"


@dataclass(frozen=True, slots=True)
class Entry:
    """One record to be written (docs/internals/reporting.md); `data` is a JSON object.

    An `urgent` one is a violation or an alarm: it may take the room of others, and when there is
    none left it is counted with those of its `group`. A `counted` one always is (a flood).
    """

    id: str
    type: str
    time: str
    data: bytes
    urgent: bool
    group: str = ""
    counted: bool = False


@dataclass(frozen=True, slots=True)
class SpoolState:
    """What waits, and what was lost since the spool was made. `oldest_at` is RFC 3339 or empty;
    `held` counts occurrences of floods that are not yet a record."""

    records: int = 0
    bytes: int = 0
    held: int = 0
    dropped: int = 0
    quarantined: int = 0
    oldest_at: str = ""


class Spool(Protocol):
    """Durable, bounded, in order. Methods raise `SinkFailed`, having kept nothing of the call."""

    def keep(self, entries: Sequence[Entry]) -> None:
        """Write these, durable on return; counts those of a flood together."""
        ...

    def settle(self) -> bool:
        """Turn what was counted into records, and report drops; whether anything was written."""
        ...

    def state(self) -> SpoolState:
        """What waits now."""
        ...
