"""`dockwarden violations`: occurrences of one restart loop are one row."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.cli.containers.since import parse_since
from agent.cli.containers.violations import group_occurrences
from tests.cli.conftest import Host

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def record(violation: str, occurrence: int, *, ran: float | None = 0.0, **more: Any) -> Any:
    return {
        "id": f"{violation}-{occurrence}",
        "at": f"2026-11-23T10:{occurrence:02}:00.000000Z",
        "kind": "violation",
        "violation_id": violation,
        "occurrence": occurrence,
        "container": {"id": "a" * 64, "name": "web", "claimed_reference": "nginx"},
        "decision": {"verdict": "unlisted", "reason": "r"},
        "outcome": {"action": "kill", "enforcement_point": "gate", "ran_ms": ran},
        **more,
    }


def test_a_restart_loop_is_one_row() -> None:
    rows = group_occurrences([record("a", 1), record("b", 1), record("a", 2, ran=5.0)])
    assert [(r["violation_id"], r["count"], r["ran_ms"]) for r in rows] == [
        ("a", 2, 5.0),
        ("b", 1, 0.0),
    ]
    assert rows[0]["first_at"] < rows[0]["last_at"]


def test_coalesced_occurrences_count_and_those_before_the_window_do_not() -> None:
    assert group_occurrences([record("a", 1), record("a", 50)])[0]["count"] == 50
    assert group_occurrences([record("a", 41), record("a", 50)])[0]["count"] == 10


def test_an_unknown_run_time_stays_unknown() -> None:
    rows = group_occurrences([record("a", 1, ran=None), record("a", 2, ran=1.0)])
    assert rows[0]["ran_ms"] is None


def test_what_is_no_violation_is_left_out() -> None:
    assert group_occurrences([record("a", 1, kind="notice"), {"kind": "alarm"}, {}]) == []


def test_odd_records_are_rows_too() -> None:
    odd = {"kind": "violation", "id": "x", "occurrence": "two", "container": 7, "outcome": None}
    assert group_occurrences([odd])[0]["count"] == 1


def test_listing_exits_with_three(host: Host) -> None:
    host.record(record("a", 1), record("a", 2), record("b", 1, decision={"verdict": "denied"}))
    result = host.run("violations")
    assert result.exit_code == 3
    assert len(result.stdout.splitlines()) == 3
    assert "never" in result.stdout
    only = json.loads(host.run("violations", "--verdict", "denied", "-o", "json").stdout)
    assert [row["violation_id"] for row in only] == ["b"]


def test_none_is_fine(host: Host) -> None:
    assert host.run("violations").exit_code == 0
    host.record(record("a", 1))
    later = host.run("violations", "--since", "2026-11-23T11:00:00+00:00", "-o", "json")
    assert (later.exit_code, json.loads(later.stdout)) == (0, [])


def test_a_damaged_line_is_reported(host: Host) -> None:
    host.write("violations.jsonl", "{broken\n" + json.dumps(record("a", 1)) + "\n")
    result = host.run("violations")
    assert result.exit_code == 3
    assert "is damaged" in result.stderr


@pytest.mark.parametrize(
    ("text", "back"),
    [("90s", 90), ("30m", 1800), ("1h", 3600), ("2d", 172800), ("1w", 604800)],
)
def test_spans(text: str, back: int) -> None:
    assert parse_since(text, now=NOW) == NOW - timedelta(seconds=back)


def test_dates() -> None:
    assert parse_since("2026-11-23T11:00:00+01:00", now=NOW) == NOW - timedelta(hours=2)
    assert parse_since("2026-11-23", now=NOW).tzinfo is UTC


@pytest.mark.parametrize(
    "text", ["", "yesterday", "1y", "-1h", "999999w", "0001-01-01T00:00+23:00"]
)
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither a span"):
        parse_since(text, now=NOW)


def test_a_wrong_since_is_wrong_usage(host: Host) -> None:
    assert host.run("violations", "--since", "yesterday").exit_code == 2
