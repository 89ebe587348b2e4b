"""What the page shows, as plain values; knows neither the store nor HTML.

All times are aware and UTC. All text may have been chosen by an attacker: nothing here is markup.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class HostStatus(StrEnum):
    """The status of a host: only `ONLINE` needs nobody's attention."""

    ONLINE = "online"
    DEGRADED = "degraded"  # it lives but does not guard as it should; `reasons` says why
    OFFLINE = "offline"  # silent for longer than its heartbeat interval and 60 s
    MISSING = "missing"  # silent for 30 days


class Handling(StrEnum):
    """What became of a violation: `KILLED` is any action that touched the container."""

    KILLED = "killed"
    REPORTED = "reported"


@dataclass(frozen=True, slots=True)
class FindingFilter:
    """Which violations; empty text and None mean all. `until` is exclusive."""

    since: datetime | None = None
    until: datetime | None = None
    host: str = ""  # host id
    scope: str = ""  # this level and those below it
    verdict: str = ""
    handling: Handling | None = None
    image: str = ""  # a whole digest
    search: str = ""  # part of a container, image or host name


@dataclass(frozen=True, slots=True)
class HostFilter:
    """Which hosts; empty text and None mean all."""

    status: HostStatus | None = None
    scope: str = ""
    search: str = ""


@dataclass(frozen=True, slots=True)
class FleetSummary:
    """The fleet in one glance; counts of hosts by status, of violations in the last 24 hours."""

    hosts: Mapping[HostStatus, int]
    enforcing: int
    observing: int
    killed: int
    reported: int
    unapproved_images: int
    drifted_hosts: int
    stale_lists: int  # hosts whose allowlist is past its expiry
    hosts_with_gaps: int
    dropped_records: int


@dataclass(frozen=True, slots=True)
class Slot:
    """Violations between `start` and `start + width`."""

    start: datetime
    width: timedelta
    killed: int
    reported: int


@dataclass(frozen=True, slots=True)
class LevelCount:
    """Violations at one level of governance; `scope` is empty where no level spoke."""

    scope: str
    killed: int
    reported: int


@dataclass(frozen=True, slots=True)
class UnapprovedImage:
    """One image that ran or tried to without approval; `nearest` is the approved one to pull."""

    digest: str
    reference: str  # its last name, which proves nothing
    verdict: str
    hosts: int
    killed: int
    reported: int
    first_seen: datetime
    last_seen: datetime
    nearest: str = ""


@dataclass(frozen=True, slots=True)
class ImageHost:
    """A host on which an image was seen; `running` by the host's last inventory."""

    host_id: str
    host_name: str
    reference: str
    killed: int
    reported: int
    last_seen: datetime
    running: int = 0


@dataclass(frozen=True, slots=True)
class HostRow:
    """One host in the list. `last_seen` is None until its first heartbeat."""

    id: str
    name: str
    scope: str
    status: HostStatus
    reasons: tuple[str, ...]
    mode: str
    agent_version: str
    list_sequence: int | None
    list_expires: datetime | None
    last_seen: datetime | None
    violations: int  # in the last 24 hours


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of the lockdown as the host last observed it; `state` is `held` or `drifted`."""

    name: str
    state: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """Proof that records of a host are missing or were altered. `first` and `last` are sequence
    numbers, inclusive; `kind` is `missing`, `edited` or `restarted` (a new chain)."""

    kind: str
    first: int
    last: int
    noticed_at: datetime
    detail: str = ""


@dataclass(frozen=True, slots=True)
class HostDetail:
    """All that is known of one host; `figures` are the agent's own, ready to be read."""

    row: HostRow
    enrolled_at: datetime | None
    token_revoked_at: datetime | None
    engine_version: str
    system: str
    layers: tuple[Layer, ...]
    gaps: tuple[Gap, ...]
    spool_depth: int
    dropped_records: int
    figures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One violation. `ran_ms` is for how many milliseconds user code ran, None if unknown."""

    event_id: str
    at: datetime
    host_id: str
    host_name: str
    severity: str
    summary: str
    container: str
    reference: str
    digest: str
    verdict: str
    reason: str
    scope: str
    handling: Handling
    action: str
    enforcement_point: str
    ran_ms: float | None
    error: str
    next_step: str
    nearest: str = ""
    occurrences: int = 1
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened on a host: violation, alarm or notice."""

    event_id: str
    at: datetime
    kind: str
    severity: str
    event: str
    summary: str


@dataclass(frozen=True, slots=True)
class Secret:
    """An enrolment secret as it may be shown again: never its text."""

    id: str
    note: str
    created_at: datetime
    created_by: str
    expires_at: datetime
    used: int
    most_uses: int | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who changed what, from which network address."""

    at: datetime
    who: str
    action: str  # constant, dotted, past tense: secret.created
    subject: str
    detail: str
    address: str


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """One page of a longer list; `after` asks for the next, and is empty on the last."""

    rows: tuple[T, ...]
    after: str = ""
