"""In whatever order things happen, a layer has one job at a time and ends as it should be."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.lockdown.reconcile import Reconciler
from agent.ports.lockdown_values import Drift
from core.base_errors import DockwardenError
from tests.control.rig import LOOK_SECONDS, REVERT_LIMITS, Rig
from tests.fakes.layer import FakeLayer


@dataclass
class Workshop:
    """A pool of any number of workers: jobs begin and end when the test says so."""

    waiting: list[tuple[Callable[[], Any], Callable[[Any], None]]] = field(default_factory=list)
    running: list[tuple[set[str], Any, Callable[[Any], None]]] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)

    def submit(
        self, job: Callable[[], Any], then: Callable[[Any], None], *, urgent: bool = False
    ) -> None:
        """`Work`."""
        assert not urgent
        self.waiting.append((job, then))

    def begin(self, number: int) -> None:
        """Run a job; what it touched stays touched until it ends."""
        if not self.waiting:
            return
        job, then = self.waiting.pop(number % len(self.waiting))
        self.touched = set()
        result: Any
        try:
            result = job()
        except DockwardenError as error:
            result = error
        for others, _, _ in self.running:
            assert not others & self.touched, f"two jobs at once on {others & self.touched}"
        self.running.append((self.touched, result, then))

    def end(self, number: int) -> None:
        """Deliver a result."""
        if self.running:
            _, result, then = self.running.pop(number % len(self.running))
            then(result)

    def drain(self) -> None:
        """Until nothing is left."""
        for _ in range(1000):
            if not self.waiting and not self.running:
                return
            self.begin(0)
            self.end(0)
        pytest.fail("it never comes to rest")


class Traced(FakeLayer):
    """Notes who touches it."""

    def __init__(self, name: str, workshop: Workshop) -> None:
        super().__init__(name)
        self._workshop = workshop

    def drift(self) -> Drift:
        """As usual."""
        self._workshop.touched.add(self.name)
        return super().drift()

    def restore(self) -> Drift:
        """As usual."""
        self._workshop.touched.add(self.name)
        return super().restore()


LAYERS = ("one", "two")
STEPS = st.one_of(
    st.tuples(st.sampled_from(["begin", "end"]), st.integers(0, 3)),
    st.tuples(st.sampled_from(["check", "undo", "disturbed", "fail", "mend"]), st.integers(0, 1)),
    st.tuples(st.just("tick"), st.sampled_from([1, 30, 61, 200])),
    st.tuples(st.sampled_from(["restore", "all"]), st.just(0)),
)


@given(st.lists(STEPS, max_size=60))
def test_any_order(steps: list[tuple[str, int]]) -> None:
    shop, rig = Workshop(), Rig()
    layers = {name: Traced(name, shop) for name in LAYERS}
    rows: list[Any] = []
    parts = rig.enforcer.services
    reconciler = Reconciler(
        tuple(layers.values()),
        mend=True,
        limits=REVERT_LIMITS,
        period=LOOK_SECONDS,
        work=shop,
        clock=rig.clock,
        finding_factory=parts.finding_factory,
        emit=parts.emit,
    )

    def tick(seconds: float) -> None:
        rig.clock.advance(seconds)
        reconciler.tick()

    tick(0.0)
    asked = 0
    for verb, number in steps:
        name = LAYERS[number % 2]
        match verb:
            case "begin":
                shop.begin(number)
            case "end":
                shop.end(number)
            case "check":
                reconciler.check([name])
            case "all":
                reconciler.check()
            case "undo":
                layers[name].state = "theirs"
            case "disturbed":
                reconciler.disturbed(name, "nft[1]")
            case "fail" | "mend":
                layers[name].fails = "it cannot" if verb == "fail" else ""
            case "tick":
                tick(number)
            case "restore":
                asked += 1
                reconciler.restore(rows.append)
    for layer in layers.values():
        layer.fails = ""
    shop.drain()
    for _ in range(4):
        tick(4000.0)
        shop.drain()
    assert len(rows) == asked
    if not asked:
        assert {layer.state for layer in layers.values()} == {"ours"}
        assert reconciler.degraded() == []
        return
    applied = {name: layer.applied for name, layer in layers.items()}
    layers["one"].state = "theirs"
    reconciler.check()
    tick(4000.0)
    shop.drain()
    assert {name: layer.applied for name, layer in layers.items()} == applied
