"""The yard, for whoever is root."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agent.gate.mounts import hierarchies
from tests.firewall.yard import Yard


@pytest.fixture
def yard() -> Iterator[Yard]:
    """A namespace of the test's own."""
    if os.geteuid() != 0:
        pytest.skip("needs root: network namespaces and rules are made")
    if "2" not in hierarchies(Path("/proc/self/mountinfo").read_text()):
        pytest.skip("needs cgroup2: mount -t cgroup2 none /sys/fs/cgroup/unified")
    with ExitStack() as stack:
        yield Yard(stack)
