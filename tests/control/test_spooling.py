"""Findings to records: what is urgent, what is a flood, who keeps them when one sink fails."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from agent.errors import SinkFailed
from agent.ports.spool_port import Entry, SpoolState
from agent.reporting.spooling import MOST_BYTES, SINGLE, WINDOW_SECONDS, AllSinks, SpooledFindings
from core.findings.finding import Finding, Kind
from tests.fakes.clock import FakeClock
from tests.fakes.findings import a_finding, with_name
from tests.fakes.sink import FakeSink
from tests.uplink.crashing import of_image


class Kept:
    """`ports.Spool` in memory."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def keep(self, entries: Sequence[Entry]) -> None:
        self.entries += entries

    def settle(self) -> bool:
        return False

    def state(self) -> SpoolState:
        return SpoolState(len(self.entries))


def spooled(findings: Sequence[Finding], clock: FakeClock | None = None) -> list[Entry]:
    spool = Kept()
    sink = SpooledFindings(spool, clock or FakeClock(), lambda: None)
    for finding in findings:
        sink.record([finding])
    return spool.entries


def test_a_flood_of_one_image_is_counted_and_no_other_image_is_hidden() -> None:
    flood = [a_finding(number) for number in range(50)]
    found = spooled([*flood, of_image(a_finding(51), "another")])
    assert [entry.counted for entry in found] == [False] * SINGLE + [True] * 40 + [False]
    assert len({entry.group for entry in found}) == 2


def test_a_window_ends() -> None:
    clock, spool = FakeClock(), Kept()
    sink = SpooledFindings(spool, clock, lambda: None)
    sink.record([a_finding(n) for n in range(SINGLE + 1)])
    clock.advance(WINDOW_SECONDS)
    sink.record([a_finding(99)])
    assert [entry.counted for entry in spool.entries[-2:]] == [True, False]


def test_notices_are_not_urgent_and_never_counted() -> None:
    found = spooled([replace(a_finding(n), kind=Kind.NOTICE) for n in range(30)])
    assert {(entry.urgent, entry.counted) for entry in found} == {(False, False)}


@pytest.mark.parametrize("name", ["\U0001f433" * 4096, "\x00" * 4096, "x" * 100_000])
def test_no_container_is_hidden_by_its_size(name: str) -> None:
    finding = with_name(a_finding(), name)
    assert finding.container is not None
    labels = {f"{number}{name}": name for number in range(64)}
    finding = replace(finding, container=replace(finding.container, labels=labels))
    (entry,) = spooled([finding])
    record = json.loads(entry.data)
    assert len(entry.data) <= MOST_BYTES
    assert record["container"]["labels_left_out"] == 64
    assert record["decision"]["verdict"] == "unlisted"


def test_while_the_spool_fails_the_others_are_reported_once() -> None:
    spool, own_file, journal = FakeSink(refusals=2), FakeSink(), FakeSink()
    sinks = AllSinks([spool, own_file], [journal])
    first, second = a_finding(1), a_finding(2)
    with pytest.raises(SinkFailed):
        sinks.record([first])
    with pytest.raises(SinkFailed):
        sinks.record([first, second])
    assert spool.findings == []
    assert own_file.findings == journal.findings == [first, second]
    sinks.record([first, second])
    assert spool.findings == own_file.findings == journal.findings == [first, second]
