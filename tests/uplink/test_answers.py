"""What each answer of a collector leads to: forgotten, split, quarantined, tried later."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.adapters.spool import SqliteSpool
from agent.helpers.uplink.batch import Next, step
from agent.helpers.uplink.outbox import Outbox, Record
from agent.helpers.uplink.session import Outcome, Reply, Session, Unreachable
from core.network.retry_delay import LONGEST, Backoff
from tests.adapters.test_spool import entry, make

RECORD = Record(1, "a", "t", "2026", 1, "", "", b"{}")


def answer(status: int, /, **told: Any) -> Reply:
    return Reply(status, {}, json.dumps(told).encode())


class Collector:
    """Keeps the ids it accepted; `refuse` may answer otherwise."""

    def __init__(self, refuse: Callable[[list[dict[str, Any]]], Reply | None]) -> None:
        self.accepted: list[str] = []
        self.requests = 0
        self._refuse = refuse

    def __call__(self, body: bytes, /) -> Reply:
        self.requests += 1
        events = json.loads(gzip.decompress(body))
        refusal = self._refuse(events)
        if refusal is not None:
            return refusal
        self.accepted += [event["id"] for event in events]
        return answer(200, accepted=len(events), duplicates=0)


def deliver(spool: SqliteSpool, collector: Collector) -> Outcome:
    outbox = Outbox(spool.path)
    try:
        return Session(
            outbox,
            "host",
            post=collector,
            wait=lambda _s: False,
            pause=lambda _s: None,
            pace=1.0,
        ).run()
    finally:
        outbox.close()


def test_one_poison_record_is_found_by_halving_and_the_rest_arrives_in_order(
    tmp_path: Path,
) -> None:
    spool, entries = make(tmp_path, 300), [entry(n) for n in range(250)]
    spool.keep(entries)
    poison = entries[77].id

    def refuse(events: list[dict[str, Any]]) -> Reply | None:
        return answer(413, error="no") if poison in [e["id"] for e in events] else None

    collector = Collector(refuse)
    outcome = deliver(spool, collector)
    assert collector.accepted == [e.id for e in entries if e.id != poison]
    assert (outcome.why, outcome.quarantined, outcome.sent) == ("", 1, 249)
    assert spool.state().quarantined == 1


def test_records_named_in_a_400_are_quarantined_with_their_reason(tmp_path: Path) -> None:
    spool, entries = make(tmp_path), [entry(n) for n in range(5)]
    spool.keep(entries)
    bad = entries[2].id

    def refuse(events: list[dict[str, Any]]) -> Reply | None:
        if bad in [event["id"] for event in events]:
            return answer(400, error="x", events=[{"index": 2, "id": bad, "reason": "no"}])
        return None

    collector = Collector(refuse)
    deliver(spool, collector)
    assert collector.accepted == [e.id for e in entries if e.id != bad]
    assert collector.requests == 2


@pytest.mark.parametrize("status", [401, 403, 415, 404, 302])
def test_what_needs_a_person_keeps_everything(tmp_path: Path, status: int) -> None:
    spool = make(tmp_path)
    spool.keep([entry(1)])
    outcome = deliver(spool, Collector(lambda _events: answer(status, error="go away")))
    assert outcome.refused and "go away" in outcome.why
    assert spool.state().records == 1


@pytest.mark.parametrize(
    "body", [b"<html>please sign in</html>", b"{}", b'{"accepted": 0, "duplicates": 0}', b"[]"]
)
def test_a_200_that_no_collector_gave_forgets_nothing(body: bytes) -> None:
    assert step(200, {}, body, [RECORD]).next is Next.RETRY


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_what_may_pass_is_tried_again_after_what_was_asked(status: int) -> None:
    found = step(status, {"retry-after": "120"}, b"", [RECORD])
    assert (found.next, found.after) == (Next.RETRY, 120.0)
    assert step(status, {"retry-after": "999999999"}, b"", [RECORD]).after == LONGEST
    assert step(status, {"retry-after": "soon"}, b"", [RECORD]).after == 0.0


def test_a_broken_connection_proves_nothing(tmp_path: Path) -> None:
    spool = make(tmp_path)
    spool.keep([entry(1)])

    def gone(_events: list[dict[str, Any]]) -> Reply | None:
        raise Unreachable("reset by peer")

    outcome = deliver(spool, Collector(gone))
    assert outcome.why == "reset by peer" and not outcome.refused
    assert spool.state().records == 1


def test_waits_are_spread_from_a_second_to_a_quarter_of_an_hour() -> None:
    low, high = Backoff(), Backoff()
    assert [low.failed(0.0) for _ in range(12)] == [1.0] * 12
    waits = [high.failed(1.0) for _ in range(12)]
    assert waits[:3] == [2.0, 4.0, 8.0] and waits[-1] == LONGEST
    assert Backoff().failed(0.5, at_least=100) == pytest.approx(105)
    high.succeeded()
    assert high.failed(1.0) == 2.0
