"""Records as they travel from the ingest route to the store; knows neither HTTP nor SQL.

Structs of msgspec, since a dataclass takes ten times as long to make. Times are microseconds since
1970 (UTC).
"""

from enum import IntEnum

from msgspec import Struct, field


class Type(IntEnum):
    """What a record is; each needs other work."""

    FINDING = 1
    HEARTBEAT = 2
    INVENTORY = 3
    DROPS = 4


class Row(Struct, frozen=True, gc=False):
    """What is searched by in a finding or a drops record, ready to be stored."""

    kind: str
    severity: str
    event: str
    verdict: str = ""
    scope: str = ""
    handling: str = ""
    image: str = ""
    reference: str = ""
    container: str = ""
    next_step: str = ""


class State(Struct, frozen=True):
    """A heartbeat: the host as it describes itself, ready to be stored; lists are JSON text."""

    name: str
    boot_id: str
    interval_s: int
    scope: str
    mode: str
    reasons: str
    agent_version: str
    engine_version: str
    system: str
    list_sequence: int | None
    list_expires_at: int | None
    freshness: str
    layers: str
    drifted: int
    spool_records: int
    dropped: int
    figures: str


class Item(Struct, frozen=True, gc=False):
    """One running container or one image of an inventory."""

    item: str  # container:<id> or image:<digest>
    image: str
    manifest: str
    reference: str
    name: str
    state: str
    verdict: str
    platform: str


class Inventory(Struct, frozen=True):
    """One part of an inventory; `hash` names the whole."""

    hash: str
    items: tuple[Item, ...]


class Drops(Struct, frozen=True):
    """What a host says it lost: sequence ranges (inclusive) of one epoch."""

    row: Row
    reason: str
    epoch: str
    ranges: tuple[tuple[int, int], ...]


Body = Row | State | Inventory | Drops


class Record(Struct, frozen=True):
    """One event of a batch. `intact`: its hash fits what was received."""

    type: Type
    event_id: str
    at: int
    epoch: str
    sequence: int
    prevhash: str
    hash: str
    intact: bool
    count: int
    data: str
    body: Body


class Batch(Struct, frozen=True):
    """The records of one request, all of one host."""

    host_id: str
    received_at: int
    records: tuple[Record, ...] = field(default=())


class Result(Struct, frozen=True, gc=False):
    """The outcome of a batch: `duplicates` had been acknowledged before."""

    accepted: int
    duplicates: int
