"""What the daemon asks of the sync helper and what it answers; plain values, JSON both ways.

`python -m agent.helpers.sync` reads one request from its standard input and writes one answer to
its standard output.
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """One sync. `source` is an `https://`, `http://` or `file://` URL of a repository; `scope` the
    host's own, whose ancestors are read too; `root_file` the root that this host was given.
    `directory` is where generations lie. `now` is the host's wall clock (seconds since 1970).
    `deadline_seconds` bounds the whole run, `fetch_seconds` each file."""

    source: str
    scope: str
    root_file: str
    directory: str
    now: float
    deadline_seconds: float = 300.0
    fetch_seconds: float = 30.0
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class ScopeReport:
    """One scope as it is in force: `problem` says why its newest list was not adopted.

    `signers` names the keys (their `x-dockwarden-name`, or the key id's first 12 digits) whose
    signatures were counted; `expires_at` is the role's, ISO 8601.
    """

    scope: str
    sequence: int
    expires_at: str
    signers: tuple[str, ...] = ()
    approvals: int = 0
    denies: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SyncReport:
    """The outcome. `generation` is the one in force afterwards (0: none was yet), `changed`
    whether that is a new one. `error` is empty or one sentence, `hint` its fix; with an error the
    generation before stays. `sequence` is that of the host's own scope's list (or of the lowest
    scope that has one), `contact` that of the lowest scope that names one.
    `timestamp_expires_at` and `published_at` (the newest scope's) are ISO 8601;
    `max_stale_seconds` and `when_too_stale` are the organization's signed policy."""

    generation: int
    changed: bool
    sequence: int = 0
    timestamp_expires_at: str = ""
    published_at: str = ""
    max_stale_seconds: int = 7 * 86_400
    when_too_stale: str = "hold"
    contact: str = ""
    scopes: tuple[ScopeReport, ...] = field(default=())
    error: str = ""
    hint: str = ""


def to_json(value: Request | SyncReport) -> bytes:
    """One line."""
    return json.dumps(asdict(value), separators=(",", ":")).encode() + b"\n"


def request_of(data: bytes) -> Request:
    """The inverse of `to_json`; raises `ValueError` or `TypeError` for anything else."""
    return Request(**json.loads(data))


def sync_report_of(data: bytes) -> SyncReport:
    """The inverse of `to_json`; raises `ValueError` or `TypeError` for anything else."""
    found: dict[str, Any] = json.loads(data)
    scopes = found.pop("scopes", ())
    reports = tuple(ScopeReport(**{**s, "signers": tuple(s["signers"])}) for s in scopes)
    return SyncReport(scopes=reports, **found)
