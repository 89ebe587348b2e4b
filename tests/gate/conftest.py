"""Fixtures: a place for fake containers on each kind of hierarchy, and a gate over it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.helpers.gate.mounts import hierarchies
from tests.gate.fake_containers import FakeContainers, containers
from tests.gate.guarded import Guarded


@pytest.fixture(params=["1", "2"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FakeContainers]:
    """A place for fake containers; skipped without root or such a hierarchy."""
    version = request.param
    if os.geteuid() != 0:
        pytest.skip("needs root: cgroups are made and frozen")
    if version not in hierarchies(Path("/proc/self/mountinfo").read_text()):
        pytest.skip(f"this machine has no cgroup v{version} hierarchy that freezes")
    with containers(version, tmp_path) as found:
        yield found


@pytest.fixture
def guard(place: FakeContainers) -> Iterator[Callable[..., Guarded]]:
    """Makes gates over the place; closes them at the end."""
    made: list[Guarded] = []

    def make(**settings: Any) -> Guarded:
        made.append(Guarded(place.settings, **settings))
        return made[-1].start()

    yield make
    for each in made:
        each.close()
