"""Builds events as an agent would send them, with a proper chain; shared by the collector's tests.

Knows the wire contract (docs/internals/reporting.md), nothing of the collector.
"""

import gzip
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from core.findings.finding_record import timestamp
from core.hash_chain import START, link
from core.ids import new_id

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def digest(number: int) -> str:
    """An image's digest."""
    return f"sha256:{number:064x}"


def finding(at: datetime, **changes: Any) -> dict[str, Any]:
    """A violation that was killed; `image`, `reference`, `verdict`, `scope`, `action`, `error`,
    `kind` and `container` change it."""
    image = changes.get("image", digest(1))
    return {
        "version": 1,
        "id": new_id(at, bytes(8)),
        "at": timestamp(at),
        "kind": changes.get("kind", "violation"),
        "severity": changes.get("severity", "error"),
        "event": changes.get("event", "container.refused"),
        "summary": changes.get("summary", "shop was refused: its image is not approved"),
        "next_step": changes.get(
            "next_step", "Use the approved image instead: docker pull acme.test/nginx:1.27."
        ),
        "host": "web-1",
        "mode": "enforce",
        "violation_id": "v1",
        "occurrence": 1,
        "container": {
            "id": "c" * 64,
            "name": changes.get("container", "shop"),
            "state": "created",
            "claimed_reference": changes.get("reference", "nginx:1.27"),
            "command": "nginx",
            "labels": changes.get("labels", {}),
            "labels_left_out": 0,
            "created_at": timestamp(at),
            "image": {"id": image, "manifest": None, "chain_id": None},
        },
        "decision": {
            "verdict": changes.get("verdict", "unlisted"),
            "reason": "no list names it",
            "scope": changes.get("scope", "acme.pay"),
            "matched": None,
            "repository": "",
            "until": None,
        },
        "outcome": {
            "action": changes.get("action", "kill"),
            "enforcement_point": "create",
            "ran_ms": 0.0,
            "took_ms": 3.25,
            "error": changes.get("error", ""),
            "breaker_open": False,
        },
        "evidence": "",
        "list_sequence": 41,
        "details": {},
    }


def heartbeat(**changes: Any) -> dict[str, Any]:
    """A host that is fine; top-level members change it."""
    return {
        "version": 1,
        "host": "web-1",
        "boot_id": "boot-1",
        "interval_s": 300,
        "agent_version": "0.1.0",
        "os": "Debian GNU/Linux 12 (bookworm)",
        "kernel": "6.1.0-28-amd64",
        "engine": {"version": "28.5.2", "connected": True},
        "scope": "acme.pay.web",
        "mode": "enforce",
        "allowlist": {
            "sequence": 41,
            "expires_at": timestamp(NOW + timedelta(days=1)),
            "freshness": "fresh",
            "signed": True,
            "origin": "https://lists.acme.test",
        },
        "layers": [{"name": "firewall", "state": "held", "detail": ""}],
        "degraded": [],
        "spool": {
            "records": 3,
            "bytes": 4096,
            "dropped": 0,
            "quarantined": 0,
            "oldest_at": None,
        },
        "agent": {
            "rss_bytes": 41_000_000,
            "cpu_seconds": 12.5,
            "uptime_s": 86400,
            "threads": 9,
        },
    } | changes


def inventory(**changes: Any) -> dict[str, Any]:
    """One running container and its image."""
    return {
        "version": 1,
        "hash": "inventory-1",
        "part": 1,
        "parts": 1,
        "containers": [
            {
                "id": "d" * 64,
                "name": "shop",
                "state": "running",
                "reference": "nginx:1.27",
                "image": digest(1),
                "manifest": None,
                "verdict": "approved",
            }
        ],
        "images": [
            {
                "image": digest(1),
                "manifest": digest(2),
                "references": ["nginx:1.27"],
                "os": "linux",
                "architecture": "amd64",
            }
        ],
    } | changes


@dataclass(slots=True)
class Sender:
    """A host's spool: numbers and chains what it is given. `at` moves on with each record."""

    host_id: str
    at: datetime = NOW
    epoch: str = "01939a00-0000-7000-8000-000000000001"
    sequence: int = 0
    prevhash: str = START
    step: timedelta = timedelta(milliseconds=10)
    _made: int = field(default=0)

    def event(self, kind: str, data: dict[str, Any], *, count: int = 1) -> dict[str, Any]:
        """The next record, of the type `dockwarden.<kind>.v1`."""
        self.at += self.step
        self.sequence += 1
        self._made += 1
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": new_id(
                self.at, (hash(self.host_id) ^ self._made).to_bytes(9, "big", signed=True)
            ),
            "source": f"/hosts/{self.host_id}",
            "type": f"dockwarden.{kind}.v1",
            "time": timestamp(self.at),
            "datacontenttype": "application/json",
            "epoch": self.epoch,
            "sequence": str(self.sequence),
            "prevhash": self.prevhash,
            "count": count,
            "data": data,
        }
        event["hash"] = self.prevhash = seal(event)
        return event

    def findings(self, count: int, **changes: Any) -> list[dict[str, Any]]:
        """That many findings."""
        return [self.event("finding", finding(self.at, **changes)) for _ in range(count)]

    def heartbeat(self, **changes: Any) -> dict[str, Any]:
        """A heartbeat."""
        return self.event("heartbeat", heartbeat(**changes))

    def lose(self, count: int) -> None:
        """Records that never leave the host."""
        self.findings(count)


def seal(event: dict[str, Any]) -> str:
    """The hash of an event as it is."""
    return link(
        event["prevhash"],
        epoch=event["epoch"],
        sequence=int(event["sequence"]),
        id=event["id"],
        type=event["type"],
        time=event["time"],
        data=json.dumps(event["data"]).encode(),
        count=event["count"],
    )


def body(events: list[dict[str, Any]]) -> bytes:
    """The request's body, not compressed; `data` has the bytes that were hashed."""
    return json.dumps(events).encode()


def packed(events: list[dict[str, Any]]) -> bytes:
    """The request's body, gzip'd."""
    return gzip.compress(body(events), 1, mtime=0)
