"""A firewall in memory: what is wanted, what stands, and a hand that disturbs it."""

from collections.abc import Callable, Sequence

from agent.errors import LayerFailed
from agent.ports.lockdown_values import Difference, Disturbance, Drift, Egress, Refusal


class FakeFirewall:
    """`ports.Layer`, and what the real one has besides. `observed` None: nothing is installed."""

    name = "firewall"

    def __init__(
        self, sink: Callable[[Refusal | Disturbance], None], desired: Egress | None = None
    ) -> None:
        self._sink = sink
        self.desired = desired or Egress()
        self.observed: Egress | None = None
        self.blocked = ""
        self.broken = ""  # why the helper cannot work, in words
        self._kept = False
        self._healing = True

    def start(self) -> None:
        """Nothing goes on by itself here."""

    def close(self) -> None:
        """What stands stays."""

    def drift(self) -> Drift:
        """Compare."""
        if self.broken:
            raise LayerFailed(self.broken)
        differs = self.observed != self.desired
        words = "is missing" if self.observed is None else "is not as it should be"
        found = (Difference("nftables", f"table inet dockwarden {words}"),) if differs else ()
        return Drift(self.name, found, self.blocked)

    def apply(self) -> Drift:
        """Install, unless it is blocked."""
        before = self.drift()
        if self.blocked:
            raise LayerFailed(self.blocked)
        self.observed, self._kept = self.desired, True
        return before

    def restore(self) -> Drift:
        """Remove."""
        if self.broken:
            raise LayerFailed(self.broken)
        was, self.observed, self._kept = self.observed, None, False
        undone = (Difference("nftables", "the tables dockwarden were removed"),)
        return Drift(self.name, undone if was is not None else ())

    def watched(self) -> Sequence[str]:
        """As the real one."""
        return ("/etc/resolv.conf", "/etc/hosts")

    def healing(self, on: bool) -> None:
        """Whether `disturb` is undone at once."""
        self._healing = on

    def disturb(self, culprit: str) -> None:
        """Somebody flushes the ruleset."""
        if self.observed is None:
            return
        self.observed = None
        if self._kept:
            if self._healing:
                self.observed = self.desired
            self._sink(Disturbance(culprit))

    def refuse(self, refusal: Refusal) -> None:
        """Somebody tries what is not allowed."""
        self._sink(refusal)
