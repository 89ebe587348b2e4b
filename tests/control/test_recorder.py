"""The recorder: a sink that fails loses nothing but what no memory holds, and that is counted."""

import queue
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest

from agent.reporting import recorder
from agent.reporting.recorder import Kept, Recorder
from core.findings.finding import Finding, Kind
from tests.fakes.findings import a_finding
from tests.fakes.sink import FakeSink
from tests.patience import PATIENCE


class Recording:
    """A running recorder and what it said."""

    def __init__(self, sink: FakeSink, *others: FakeSink, **given: object) -> None:
        self.sink = sink
        self.said: queue.Queue[Kept | BaseException] = queue.Queue()
        complete: Callable[[Finding], Finding] = given.get("complete", lambda f: f)  # type: ignore[assignment] # as given
        self.recorder = Recorder(
            sink, others, complete=complete, kept=self.said.put, crashed=self.said.put
        )

    def kept(self, count: int) -> list[Finding]:
        """Waits until so many are durable."""
        found: list[Finding] = []
        while len(found) < count:
            message = self.said.get(timeout=PATIENCE)
            assert isinstance(message, Kept)
            found += message.findings
        return found


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries do not wait."""
    monkeypatch.setattr(recorder, "RETRY_SECONDS", 0.001)


@pytest.fixture
def recording() -> Iterator[Callable[..., Recording]]:
    """Starts recorders and closes them."""
    made: list[Recording] = []

    def begin(sink: FakeSink, *others: FakeSink, **given: object) -> Recording:
        made.append(Recording(sink, *others, **given))
        return made[-1]

    yield begin
    for each in made:
        each.recorder.close()


def notice(number: int) -> Finding:
    """A finding that is no violation."""
    return replace(a_finding(number), kind=Kind.NOTICE)


def test_order_is_kept_and_all_is_acknowledged(recording: Callable[..., Recording]) -> None:
    given = [a_finding(number) for number in range(100)]
    one = recording(FakeSink())
    one.recorder.start()
    for finding in given:
        one.recorder.record(finding)
    assert one.kept(100) == given == one.sink.findings


def test_a_sink_that_recovers_has_lost_nothing(recording: Callable[..., Recording]) -> None:
    given = [a_finding(number) for number in range(50)]
    one = recording(FakeSink(refusals=5))
    one.recorder.start()
    for finding in given:
        one.recorder.record(finding)
    assert one.kept(50) == given == one.sink.findings
    assert (one.recorder.dropped, one.recorder.failing) == (0, "")


def test_a_failing_sink_is_said(recording: Callable[..., Recording]) -> None:
    seen: list[str] = []

    class Watched(FakeSink):
        def record(self, findings: Sequence[Finding]) -> None:
            seen.append(one.recorder.failing)
            super().record(findings)

    one = recording(Watched(refusals=1))
    one.recorder.record(a_finding())
    one.recorder.start()
    one.kept(1)
    assert seen == ["", "the fake disk is full (wait)"]


def test_beyond_the_bound_violations_are_kept_longest_and_the_loss_is_counted(
    recording: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MOST_WAITING", 10)
    violations = [a_finding(number) for number in range(8)]
    notices = [notice(number) for number in range(100, 108)]
    one = recording(FakeSink(refusals=1))
    for pair in zip(violations, notices, strict=True):
        for finding in pair:
            one.recorder.record(finding)
    one.recorder.start()
    kept = one.kept(10)
    assert [f for f in kept if f.kind is Kind.VIOLATION] == violations
    assert [f for f in kept if f.kind is Kind.NOTICE] == notices[-2:]
    assert one.recorder.dropped == 6


def test_violations_alone_lose_the_oldest(
    recording: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MOST_WAITING", 3)
    given = [a_finding(number) for number in range(5)]
    one = recording(FakeSink(refusals=1))
    for finding in given:
        one.recorder.record(finding)
    one.recorder.start()
    assert one.kept(3) == given[2:]


def test_another_sink_that_fails_hinders_nobody(recording: Callable[..., Recording]) -> None:
    journal, third = FakeSink(refusals=10**6), FakeSink()
    one = recording(FakeSink(), journal, third)
    one.recorder.start()
    one.recorder.record(a_finding())
    one.kept(1)
    one.recorder.close()
    assert (len(one.sink.findings), len(journal.findings), len(third.findings)) == (1, 0, 1)


def test_what_takes_long_is_added_before_the_sink(recording: Callable[..., Recording]) -> None:
    one = recording(FakeSink(), complete=lambda finding: replace(finding, next_step="ask"))
    one.recorder.start()
    one.recorder.record(a_finding())
    assert [finding.next_step for finding in one.kept(1)] == ["ask"]


def test_closing_writes_what_is_queued(recording: Callable[..., Recording]) -> None:
    one = recording(FakeSink())
    for number in range(20):
        one.recorder.record(a_finding(number))
    one.recorder.start()
    one.recorder.close()
    assert len(one.sink.findings) == 20


def test_closing_over_a_broken_sink_counts_what_is_lost(
    recording: Callable[..., Recording],
) -> None:
    one = recording(FakeSink(refusals=10**6))
    for number in range(20):
        one.recorder.record(a_finding(number))
    one.recorder.start()
    one.recorder.close()
    assert one.recorder.dropped == 20


def test_what_nobody_named_is_handed_over(recording: Callable[..., Recording]) -> None:
    def fail(_: Finding) -> Finding:
        raise ZeroDivisionError

    one = recording(FakeSink(), complete=fail)
    one.recorder.start()
    one.recorder.record(a_finding())
    assert isinstance(one.said.get(timeout=PATIENCE), ZeroDivisionError)
