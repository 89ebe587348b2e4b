"""Gaps, edits and second histories are proven and kept; what comes late closes its gap."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from collector.store.database import Database
from collector.store.schema import gaps
from collector.store.views.fleet import FleetReader
from tests.collector.events import NOW, Sender, finding
from tests.collector.local_collector import Host, LocalCollector, local_collector


@pytest.fixture
def here(database: Database) -> Iterator[LocalCollector]:
    with local_collector(database) as found:
        yield found


def proofs(here: LocalCollector) -> list[tuple[str, int, int]]:
    statement = select(gaps.c.kind, gaps.c.first, gaps.c.last).order_by(gaps.c.first, gaps.c.kind)
    with here.database.read() as connection:
        return [(row[0], row[1], row[2]) for row in connection.execute(statement)]


def unexplained(here: LocalCollector) -> int:
    return FleetReader(here.database).summary(NOW).hosts_with_gaps


def sent(here: LocalCollector, host: Host, events: list[dict[str, Any]]) -> dict[str, int]:
    answer = here.send(host, events)
    assert answer.status_code == 200, answer.text
    result: dict[str, int] = answer.json()
    return result


def test_an_unbroken_chain_proves_nothing(here: LocalCollector) -> None:
    host = here.enrol()
    for _ in range(3):
        sent(here, host, [*host.spool.findings(3), host.spool.heartbeat()])
    assert proofs(here) == []
    assert unexplained(here) == 0


def test_missing_records_are_a_gap_until_they_come(here: LocalCollector) -> None:
    host = here.enrol()
    batch = host.spool.findings(10)
    sent(here, host, batch[:2])
    sent(here, host, batch[7:])
    assert proofs(here) == [("missing", 3, 7)]
    assert unexplained(here) == 1
    sent(here, host, batch[4:5])
    assert proofs(here) == [("missing", 3, 4), ("missing", 6, 7)]
    assert sent(here, host, batch) == {"accepted": 4, "duplicates": 6}
    assert proofs(here) == []
    assert unexplained(here) == 0


def test_a_lost_heartbeat_is_a_gap_too(here: LocalCollector) -> None:
    host = here.enrol()
    beats = [host.spool.heartbeat() for _ in range(3)]
    sent(here, host, [beats[0], beats[2]])
    assert proofs(here) == [("missing", 2, 2)]
    assert sent(here, host, beats) == {"accepted": 1, "duplicates": 2}
    assert proofs(here) == []


def test_an_edited_record_is_kept_and_proven(here: LocalCollector) -> None:
    host = here.enrol()
    batch = host.spool.findings(3)
    batch[1]["data"] = finding(NOW, summary="nothing happened")
    assert sent(here, host, batch)["accepted"] == 3
    assert proofs(here) == [("edited", 2, 2)]


def test_a_replaced_record_with_a_fitting_hash_is_proven_by_the_next(here: LocalCollector) -> None:
    host = here.enrol()
    other = Sender(host.id)
    other.findings(1)
    first, third = host.spool.findings(1), None
    forged = other.event("finding", finding(NOW, summary="nothing happened"))
    host.spool.findings(1)
    [third] = host.spool.findings(1)
    sent(here, host, [*first, forged, third])
    assert ("edited", 3, 3) in proofs(here)


def test_a_second_history_is_proven(here: LocalCollector) -> None:
    """A snapshot of the machine was restored, or two machines share one identity."""
    host = here.enrol()
    sent(here, host, host.spool.findings(5))
    restored = Sender(host.id, at=host.spool.at)
    assert sent(here, host, restored.findings(2)) == {"accepted": 2, "duplicates": 0}
    assert proofs(here) == [("repeated", 1, 1), ("repeated", 2, 2)]


def test_a_spool_made_again_is_a_restart(here: LocalCollector) -> None:
    host = here.enrol()
    sent(here, host, host.spool.findings(2))
    renewed = Sender(host.id, at=host.spool.at, epoch="01939a00-0000-7000-8000-000000000002")
    sent(here, host, renewed.findings(3))
    assert proofs(here) == [("restarted", 1, 3)]
    assert unexplained(here) == 0


def test_announced_drops_explain_their_gap(here: LocalCollector) -> None:
    host = here.enrol()
    sent(here, host, host.spool.findings(2))
    host.spool.lose(6)
    drops = {
        "version": 1,
        "reason": "spool full",
        "count": 6,
        "epoch": host.spool.epoch,
        "ranges": [{"first": 3, "last": 5}, {"first": 6, "last": 8}],
    }
    sent(here, host, [host.spool.event("drops", drops)])
    assert proofs(here) == [("missing", 3, 8)]
    assert unexplained(here) == 0
    detail = FleetReader(here.database).host(host.id, NOW)
    assert detail is not None
    assert detail.gaps[0].detail == "announced: spool full"


def test_drops_that_report_less_explain_nothing(here: LocalCollector) -> None:
    host = here.enrol()
    sent(here, host, host.spool.findings(2))
    host.spool.lose(6)
    drops = {
        "version": 1,
        "reason": "spool full",
        "count": 4,
        "epoch": host.spool.epoch,
        "ranges": [{"first": 3, "last": 5}, {"first": 7, "last": 8}],
    }
    sent(here, host, [host.spool.event("drops", drops)])
    assert unexplained(here) == 1


def test_a_late_heartbeat_does_not_turn_the_host_back(here: LocalCollector) -> None:
    host = here.enrol()
    old, new = host.spool.heartbeat(mode="observe"), host.spool.heartbeat(mode="enforce")
    sent(here, host, [new])
    sent(here, host, [old])
    detail = FleetReader(here.database).host(host.id, NOW)
    assert detail is not None
    assert detail.row.mode == "enforce"
