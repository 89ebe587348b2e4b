"""What is known of one layer of the lockdown, and whether another tool keeps reverting it.

Values only: no clock, no layer's work.
"""

from collections import deque
from dataclasses import dataclass, field

from agent.ports import Layer
from agent.ports.lockdown_values import Drift

LONGEST_PAUSE = 3600.0  # seconds between attempts while somebody else keeps undoing


@dataclass(frozen=True, slots=True)
class RevertLimits:
    """More than `heals` heals of one layer within `seconds`: back off."""

    heals: int
    seconds: float


class RevertBackoff:
    """Counts a layer's heals. Times are monotonic seconds."""

    def __init__(self, limits: RevertLimits) -> None:
        self._limits = limits
        self._heals: deque[float] = deque()
        self._until: float | None = None
        self._ended = 0.0
        self.pause = 0.0  # seconds, of the present or the last one

    @property
    def backing_off(self) -> bool:
        """Whether the layer, or where it is always restored its reports, pause for now."""
        return self._until is not None

    def healed(self, now: float) -> bool:
        """Count a heal; whether it is one too many, and a pause begins.

        If it goes on after a pause, the next one is twice as long.
        """
        self._heals.append(now)
        while self._heals[0] <= now - self._limits.seconds:
            self._heals.popleft()
        if self.backing_off or len(self._heals) <= self._limits.heals:
            return False
        goes_on = now - self._ended <= self.pause + self._limits.seconds
        longer = self.pause * 2 if goes_on else 0.0
        self.pause = min(max(longer, self._limits.seconds), LONGEST_PAUSE)
        self._until = now + self.pause
        self._heals.clear()
        return True

    def over(self, now: float) -> bool:
        """Whether a pause has ended now; true once."""
        if self._until is None or now < self._until:
            return False
        self._until, self._ended = None, now
        self._heals.clear()
        return True


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a layer is checked: who changed it, and how often it restored itself at once."""

    culprit: str = ""
    mended: int = 0


@dataclass(slots=True)
class LayerState:
    """One layer. `mended` counts how often it was restored, `unreported` those of them that no
    finding told yet; `again`: check once more afterwards."""

    layer: Layer
    backoff: RevertBackoff
    stood: bool = False  # it was seen as it should be
    drift: Drift | None = None
    error: str = ""
    mended: int = 0
    unreported: int = 0
    busy: bool = False
    again: bool = False
    cause: Cause = Cause()
    noted: set[str] = field(default_factory=set)

    def words(self) -> list[str]:
        """What differs now, one sentence each."""
        if self.drift is None:
            return []
        blocked = [self.drift.blocked] if self.drift.blocked else []
        return blocked + [f"{d.place}: {d.words}" for d in self.drift.differences]

    def notes(self) -> list[str]:
        """What is not ours to change, one sentence each."""
        return [f"{d.place}: {d.words}" for d in self.drift.notes] if self.drift else []


def conflict_words(
    name: str, limits: RevertLimits, pause: float, culprit: str, *, always: bool
) -> str:
    """What a conflict over a layer means, in sentences; `always`: it is restored each time."""
    by = f" (last: {culprit})" if culprit else ""
    what = f"It is left alone for {pause:g} s."
    if always:
        what = (
            f"It is restored each time; what happens in the next {pause:g} s is reported at their "
            "end. Have the other tool leave it alone, or take it out of lockdown.layers."
        )
    return (
        f"{name} was undone more than {limits.heals} times in {limits.seconds:g} s: another tool "
        f"manages it{by}. {what}"
    )
