"""A layer in memory that behaves like the real ones: idempotent, restorable, honest."""

from collections.abc import Sequence

from agent.errors import LayerFailed
from agent.ports.lockdown_values import Difference, Drift


class FakeLayer:
    """`ports.Layer`: `state` is what the world has, `desired` what it should have.

    Set `state` to disturb it, `fails` to make every act fail, `blocked` to make it unmendable,
    `notes` for what it only reports.
    """

    def __init__(self, name: str = "fake", *, state: str = "before", desired: str = "ours") -> None:
        self._name = name
        self.state, self.desired = state, desired
        self.fails = self.blocked = ""
        self.notes: tuple[Difference, ...] = ()
        self.applied = 0
        self._original: str | None = None

    @property
    def name(self) -> str:
        """See `ports.Layer`."""
        return self._name

    def watched(self) -> Sequence[str]:
        """See `ports.Layer`."""
        return [f"/fake/{self._name}"]

    def drift(self) -> Drift:
        """See `ports.Layer`."""
        if self.state == self.desired:
            return Drift(self._name, blocked=self.blocked, notes=self.notes)
        words = f"it is {self.state!r}"
        return Drift(self._name, (Difference(self._name, words, ""),), self.blocked, self.notes)

    def apply(self) -> Drift:
        """See `ports.Layer`."""
        drift = self.drift()
        if self.fails or drift.blocked:
            raise LayerFailed(self.fails or drift.blocked)
        if drift.differences:
            if self._original is None:
                self._original = self.state
            self.state = self.desired
            self.applied += 1
        return drift

    def restore(self) -> Drift:
        """See `ports.Layer`."""
        if self.fails:
            raise LayerFailed(self.fails)
        if self._original is None:
            return Drift(self._name)
        changed = self.state != self._original
        self.state, self._original = self._original, None
        return Drift(self._name, (Difference(self._name, "put back"),) if changed else ())
