"""The kernel's way to kill, on the simulated host; and evidence kept in memory."""

from collections.abc import Mapping
from typing import Any

from agent.errors import SinkFailed
from tests.fakes.host import FakeHost


class FakeProcesses:
    """`ports.Processes`."""

    def __init__(self, host: FakeHost) -> None:
        self._host = host

    def kill(self, container_id: str, cgroup: str | None) -> bool:  # noqa: ARG002 - the ID suffices here
        """See `ports.Processes`."""
        return self._host.kernel_kill(container_id)

    def wait_empty(self, container_id: str, cgroup: str | None, timeout: float) -> bool:  # noqa: ARG002 - nothing takes time here
        """See `ports.Processes`."""
        one = self._host.known.get(container_id)
        return one is None or one.name not in self._host.live


class MemoryEvidence:
    """`ports.EvidenceStore`: `kept` by finding id. `full`: nothing more can be kept."""

    def __init__(self) -> None:
        self.kept: dict[str, Mapping[str, Any]] = {}
        self.full = False

    def keep(self, finding_id: str, evidence: Mapping[str, Any]) -> str:
        """See `ports.EvidenceStore`."""
        if self.full:
            raise SinkFailed("the fake disk is full")
        self.kept[finding_id] = evidence
        return f"evidence/{finding_id}"
