"""The network namespace; needs root."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agent.helpers.gate.mounts import hierarchies
from tests.firewall.network_namespace import NetworkNamespace


@pytest.fixture
def netns() -> Iterator[NetworkNamespace]:
    """A namespace of the test's own."""
    if os.geteuid() != 0:
        pytest.skip("needs root: network namespaces and rules are made")
    if "2" not in hierarchies(Path("/proc/self/mountinfo").read_text()):
        pytest.skip("needs cgroup2: mount -t cgroup2 none /sys/fs/cgroup/unified")
    with ExitStack() as stack:
        yield NetworkNamespace(stack)
