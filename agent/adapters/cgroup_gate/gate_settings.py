"""What a gate is started with, and how that is said on its command line."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.ports import GateDecision


@dataclass(frozen=True, slots=True)
class GateSettings:
    """See `CgroupGate` for the meaning of each."""

    roots: tuple[str, ...]
    freeze: bool
    hold_seconds: float
    on_timeout: GateDecision
    engine_root: str
    cgroup_version: str
    build_steps: str
    mount: str

    def arguments(self) -> Sequence[str]:
        """As `agent.gate` takes them."""
        return [
            f"version={self.cgroup_version}",
            f"mount={self.mount}",
            f"freeze={self.freeze:d}",
            f"hold_ms={round(self.hold_seconds * 1000)}",
            f"on_timeout={self.on_timeout}",
            f"engine_root={self.engine_root}",
            f"build_steps={self.build_steps}",
            *(f"root={root}" for root in self.roots),
        ]
