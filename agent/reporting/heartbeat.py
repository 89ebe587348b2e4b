"""The host's state, reported regularly: composes the record and decides when; sends nothing.

The shape is docs/internals/reporting.md's `dockwarden.heartbeat.v1`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.ports.own import Figures, System
from agent.ports.spool_port import SpoolState

VERSION = 1
JITTER = 0.1  # of the interval, either way, so that a fleet started at once spreads out
MOST_REASONS = 64
LONGEST = 1000  # characters of a reason or a detail

Status = Mapping[str, Any]


class Beat:
    """When the next heartbeat is due; `now` is monotonic seconds. The first is due at once."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._next = 0.0

    def due(self, now: float, chance: float) -> bool:
        """Whether to send one now; then the next follows after the interval ± 10 %. `chance` is
        uniform from 0 to 1."""
        if now < self._next:
            return False
        self._next = now + self._interval * (1 + JITTER * (2 * chance - 1))
        return True


def heartbeat(
    status: Status,
    *,
    host: str,
    scope: str,
    interval: float,
    spool: SpoolState,
    figures: Figures,
    system: System,
) -> dict[str, Any]:
    """The record. `status` is what `dockwarden status` is answered."""
    engine = status["engine"]
    return {
        "version": VERSION,
        "host": host,
        "boot_id": system.boot_id,
        "interval_s": max(1, round(interval)),
        "agent_version": status["version"],
        "os": system.os,
        "kernel": system.kernel,
        "engine": {"version": engine["version"], "connected": engine["connected"]},
        "scope": status["allowlist"]["scope"] or scope,
        "mode": status["mode"],
        "allowlist": _allowlist(status["allowlist"]),
        "layers": [_gate(status), *[_layer(row) for row in status["lockdown"]]],
        "degraded": [reason[:LONGEST] for reason in status["degraded"][:MOST_REASONS]],
        "spool": {
            "records": spool.records,
            "bytes": spool.bytes,
            "held": spool.held,
            "dropped": spool.dropped,
            "quarantined": spool.quarantined,
            "oldest_at": spool.oldest_at or None,
        },
        "agent": {
            "rss_bytes": figures.rss_bytes,
            "cpu_seconds": figures.cpu_seconds,
            "uptime_s": figures.uptime_s,
            "threads": figures.threads,
        },
    }


def _allowlist(found: Status) -> dict[str, Any]:
    freshness = found.get("freshness") or "none"
    return {
        "sequence": found["sequence"],
        "expires_at": _zulu(found.get("fresh_until")),
        "freshness": "none" if found["sequence"] is None else str(freshness).replace(" ", "_"),
        "signed": found["signed"],
        "origin": found["origin"],
    }


def _zulu(at: str | None) -> str | None:
    return at.replace("+00:00", "Z") if at else None


def _gate(status: Status) -> dict[str, Any]:
    gate = status["gate"]
    working = "held" if gate["working"] else "off" if status["mode"] == "observe" else "failed"
    return {"name": "gate", "state": working, "detail": str(gate["reason"])[:LONGEST]}


def _layer(row: Status) -> dict[str, Any]:
    details: Sequence[str] = [row["error"]] if row.get("error") else row.get("drift") or []
    if row.get("error"):
        state = "failed"
    else:
        state = "held" if row.get("in_place") and not details else "drifted"
    return {"name": row["layer"], "state": state, "detail": "; ".join(details)[:LONGEST]}
