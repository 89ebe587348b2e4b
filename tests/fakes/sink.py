"""A finding sink in memory that behaves like the durable ones, refusals included."""

from collections.abc import Sequence

from agent.errors import SinkFailed
from core.findings.finding import Finding


class FakeSink:
    """`ports.FindingSink`: `findings` is what was kept; the next `refusals` calls fail."""

    def __init__(self, refusals: int = 0) -> None:
        self.findings: list[Finding] = []
        self.refusals = refusals

    def record(self, findings: Sequence[Finding]) -> None:
        """Keep these, in order, or none of them."""
        if self.refusals:
            self.refusals -= 1
            raise SinkFailed("the fake disk is full", hint="wait")
        self.findings += findings
