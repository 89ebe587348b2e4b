"""A remote sink: nothing blocks, nothing is lost uncounted."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest

from agent.errors import SinkFailed, SinkRefused
from agent.reporting.batch_exporter import BatchExporter
from core.findings.finding import Finding, Kind
from tests.fakes.findings import a_finding
from tests.patience import PATIENCE, until


class Wire:
    """A receiver that fails, hangs or refuses on demand."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.failures = 0
        self.poison = ""
        self.open = threading.Event()
        self.open.set()

    def send(self, findings: Sequence[Finding]) -> int:
        assert self.open.wait(PATIENCE)
        if self.failures:
            self.failures -= 1
            raise SinkFailed("it is down")
        ids = [finding.id for finding in findings]
        if self.poison in ids:
            raise SinkRefused("one of these is malformed")
        self.got += ids
        return 0

    def close(self) -> None:
        pass


@pytest.fixture
def wire() -> Iterator[Wire]:
    one = Wire()
    yield one
    one.open.set()


def _delivery(wire: Wire, most: int = 1000) -> BatchExporter:
    return BatchExporter("test", wire, most_waiting=most, crashed=_raise, first_pause=0.01)


def _raise(error: BaseException) -> None:
    raise error


def _settled(queues: BatchExporter, done: Callable[[], bool]) -> None:
    until(done, lambda: str(queues.state()))


FOUND = [a_finding(number) for number in range(250)]
IDS = [finding.id for finding in FOUND]


def test_all_arrive_in_order_after_failures(wire: Wire) -> None:
    wire.failures = 3
    queues = _delivery(wire)
    queues.record(FOUND)
    _settled(queues, lambda: queues.state().sent == 250)
    assert wire.got == IDS
    assert queues.state().error == ""


def test_a_poisoned_finding_goes_alone(wire: Wire) -> None:
    wire.poison = IDS[42]
    queues = _delivery(wire)
    queues.record(FOUND)
    _settled(queues, lambda: queues.state().sent == 249)
    assert wire.got == IDS[:42] + IDS[43:]
    assert queues.state().refused == 1


def test_a_dead_receiver_costs_the_least_important_first(wire: Wire) -> None:
    wire.open.clear()
    queues = _delivery(wire, most=10)
    queues.record(FOUND[:1])
    _settled(queues, lambda: queues.state().waiting == 1 and not queues._waiting)
    notices = [replace(finding, kind=Kind.NOTICE) for finding in FOUND[1:9]]
    queues.record([*notices, *FOUND[9:19]])
    assert queues.state().dropped == 8
    queues.record(FOUND[19:21])
    assert queues.state().dropped == 10
    wire.open.set()
    _settled(queues, lambda: queues.state().waiting == 0)
    assert wire.got == [IDS[0], *IDS[11:21]]


def test_what_is_left_at_the_end_is_counted(wire: Wire) -> None:
    wire.failures = 10**9
    queues = _delivery(wire)
    queues.record(FOUND)
    queues.close(0.3)
    state = queues.state()
    assert (state.sent, state.dropped) == (0, 250)


def test_the_end_waits_for_what_can_be_sent(wire: Wire) -> None:
    queues = _delivery(wire)
    queues.record(FOUND)
    queues.close(5)
    assert wire.got == IDS
