"""The heartbeat as the collector reads it, and when it is due."""

import json
from typing import Any

import msgspec
import pytest

from agent.ports.own import Figures, System
from agent.ports.spool_port import SpoolState
from agent.reporting.heartbeat import Beat, heartbeat
from collector.ingest.heartbeat_form import read_heartbeat


def told(**changes: Any) -> dict[str, Any]:
    status: dict[str, Any] = {
        "version": "0.1.0",
        "mode": "enforce",
        "engine": {"version": "28.5.2", "connected": True},
        "allowlist": {
            "scope": "acme.pay",
            "sequence": 41,
            "signed": True,
            "origin": "https://lists.acme.test",
            "freshness": "fresh",
            "fresh_until": "2026-11-24T12:00:00+00:00",
        },
        "gate": {"working": True, "reason": ""},
        "lockdown": [{"layer": "firewall", "in_place": True, "drift": [], "error": ""}],
        "degraded": [],
    }
    return heartbeat(
        {**status, **changes},
        host="web-1",
        scope="acme.pay",
        interval=300.0,
        spool=SpoolState(records=3, bytes=4096, oldest_at="2026-11-23T12:00:00.000000Z"),
        figures=Figures(41_000_000, 12.5, 86400.0, 9),
        system=System("Debian GNU/Linux 12 (bookworm)", "6.1.0", "boot"),
    )


def reasons(record: dict[str, Any]) -> list[str]:
    """What the collector's own reader makes of it."""
    found: list[str] = json.loads(read_heartbeat(msgspec.Raw(json.dumps(record).encode())).reasons)
    return found


def test_a_host_that_stands_is_not_degraded() -> None:
    assert reasons(told()) == []
    assert told()["allowlist"]["expires_at"] == "2026-11-24T12:00:00Z"


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"mode": "observe"}, "observe"),
        ({"gate": {"working": False, "reason": "no cgroups"}}, "no cgroups"),
        ({"engine": {"version": "", "connected": False}}, "engine"),
        ({"degraded": ["the circuit breaker is open"]}, "circuit breaker"),
        ({"lockdown": [{"layer": "f", "in_place": False, "drift": ["x"], "error": ""}]}, "x"),
        ({"lockdown": [{"layer": "f", "in_place": False, "drift": [], "error": "no"}]}, "failed"),
    ],
)
def test_each_thing_that_is_wrong_is_a_reason(changes: dict[str, Any], word: str) -> None:
    assert word in " ".join(reasons(told(**changes)))


@pytest.mark.parametrize(
    ("freshness", "sequence", "word"),
    [("stale", 41, "stale"), ("too stale", 41, "longer than"), ("unsigned", None, "no allowlist")],
)
def test_lists_that_are_old_or_missing(freshness: str, sequence: int | None, word: str) -> None:
    changed = {**told()["allowlist"], "scope": "", "freshness": freshness, "sequence": sequence}
    assert word in " ".join(reasons(told(allowlist=changed)))


def test_it_is_due_at_once_and_then_within_a_tenth_of_the_interval() -> None:
    for chance, after in ((0.0, 270.0), (1.0, 330.0)):
        beat = Beat(300.0)
        assert beat.due(1000.0, chance)
        assert not beat.due(1000.0 + after - 1, chance)
        assert beat.due(1000.0 + after, chance)
