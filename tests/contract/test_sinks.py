"""One suite for every finding sink, the fake among them: what the recorder may rely on."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from agent.adapters.findings_file import JsonlFindings, read
from agent.adapters.journal import JournalFindings
from agent.ports import FindingSink
from tests.fakes.findings import a_finding, with_name
from tests.fakes.journald import FakeJournald
from tests.fakes.sink import FakeSink

HOSTILE = ["\ud800", "x\ny", "\x00", "\x1b[2J", "\u202eexe", "é" * 5000, '"}\\', ""]


class Bench(Protocol):
    """A sink with a way to see what it kept."""

    sink: FindingSink

    def ids(self) -> Sequence[str]:
        """Ids of the findings kept, in order."""
        ...


class _Bench:
    def __init__(self, sink: FindingSink, ids: Callable[[], Sequence[str]]) -> None:
        self.sink, self.ids = sink, ids


@pytest.fixture(params=["fake", "jsonl", "journal"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    if request.param == "fake":
        fake = FakeSink()
        yield _Bench(fake, lambda: [f.id for f in fake.findings])
    elif request.param == "jsonl":
        path = tmp_path / "findings.jsonl"
        jsonl = JsonlFindings(path, max_bytes=20_000, keep=50)
        yield _Bench(jsonl, lambda: [record["id"] for record in read(path)])
        jsonl.close()
    else:
        daemon = FakeJournald(tmp_path / "journal")
        journal = JournalFindings(daemon.path)
        yield _Bench(journal, lambda: [e["DOCKWARDEN_FINDING_ID"] for e in daemon.entries()])
        journal.close()


def test_keeps_findings_in_order_over_calls(bench: Bench) -> None:
    findings = [a_finding(number) for number in range(1, 60)]
    for start in range(0, len(findings), 7):
        bench.sink.record(findings[start : start + 7])
    assert bench.ids() == [finding.id for finding in findings]


def test_takes_an_empty_call(bench: Bench) -> None:
    bench.sink.record([])
    assert bench.ids() == []


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_keeps_whatever_a_container_is_called(bench: Bench, name: str) -> None:
    findings = [with_name(a_finding(1), name), a_finding(2)]
    bench.sink.record(findings)
    assert bench.ids() == [finding.id for finding in findings]
