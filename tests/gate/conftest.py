"""Fixtures: a place for fake containers on each kind of hierarchy, and a gate over it."""

import os
import queue
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from agent.adapters.cgroup_gate import CgroupGate
from agent.gate.mounts import hierarchies
from agent.ports import Birth, GateMessage, GateState, Ruling, Settled
from tests.gate.cells import PATIENCE, Cells, cells


@pytest.fixture(params=["1", "2"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cells]:
    """A place for cells; skipped without root or such a hierarchy."""
    version = request.param
    if os.geteuid() != 0:
        pytest.skip("needs root: cgroups are made and frozen")
    if version not in hierarchies(Path("/proc/self/mountinfo").read_text()):
        pytest.skip(f"this machine has no cgroup v{version} hierarchy that freezes")
    with cells(version, tmp_path) as found:
        yield found


M = TypeVar("M", Birth, Settled, GateState)


class Guarded:
    """A gate over a place, with all its messages."""

    def __init__(self, place: Cells, **settings: Any) -> None:
        self.place = place
        self.messages: list[GateMessage] = []
        self._new: queue.Queue[GateMessage] = queue.Queue()
        given: dict[str, Any] = {
            "roots": [place.root],
            "freeze": True,
            "hold_seconds": 30.0,
            "on_timeout": Ruling.THAW,
            "engine_root": str(place.engine_root),
            "cgroup_version": place.version,
            "build_steps": "deny",
            "mount": place.mount,
        }
        self.gate = CgroupGate(self._new.put, **(given | settings))

    def start(self) -> "Guarded":
        """Start it and wait until it stands."""
        self.gate.start()
        self.await_(GateState, lambda state: state.standing)
        return self

    def await_(self, kind: type[M], such: Callable[[M], bool]) -> M:
        """The next message of a kind such that."""
        deadline = time.monotonic() + PATIENCE
        while True:
            left = deadline - time.monotonic()
            try:
                message = self._new.get(timeout=max(left, 0.001))
            except queue.Empty:
                raise AssertionError(f"no {kind.__name__}; heard {self.messages[-5:]}") from None
            self.messages.append(message)
            if isinstance(message, kind) and such(message):
                return message

    def birth(self, container_id: str) -> Birth:
        """The next birth of a container."""
        return self.await_(Birth, lambda birth: birth.container_id == container_id)

    def settled(self, container_id: str) -> Settled:
        """The next settlement of a container."""
        return self.await_(Settled, lambda settled: settled.container_id == container_id)

    def close(self) -> None:
        """End the gate."""
        self.gate.close()


@pytest.fixture
def guard(place: Cells) -> Iterator[Callable[..., Guarded]]:
    """Makes gates over the place; closes them at the end."""
    made: list[Guarded] = []

    def make(**settings: Any) -> Guarded:
        made.append(Guarded(place, **settings))
        return made[-1].start()

    yield make
    for each in made:
        each.close()
