"""The circuit breaker: a bad list must not empty a host. Pure but for what it remembers.

Why it counts only disruptive kills (what ran already, or had been approved here before):
otherwise starting many unapproved containers would be a way to switch enforcement off. See
docs/adr/0004-what-the-circuit-breaker-counts.md.
"""

from collections.abc import Collection
from dataclasses import dataclass

# Below this many kills the share of what runs says nothing: one of one is 100 %.
SHARE_FLOOR = 3


@dataclass(frozen=True, slots=True)
class CircuitBreakerLimits:
    """More than `kills` disruptive kills within `seconds`, or of more than `share` (0 to 1) of
    what runs, is taken for a mistake rather than for that many violations."""

    kills: int
    seconds: float
    share: float


class CircuitBreaker:
    """Says whether further disruptive kills may happen; stays on until released."""

    def __init__(self, limits: CircuitBreakerLimits) -> None:
        self.limits = limits
        self._recent: dict[str, float] = {}
        self.opened_at: float | None = None
        self.refused_at = 0  # kills within the window, those that were refused included
        self._vouched_until = 0.0

    @property
    def is_open(self) -> bool:
        """Whether disruptive kills are turned into reports now."""
        return self.opened_at is not None

    def admit(self, victims: Collection[str], *, running: int, now: float) -> bool:
        """Whether these may be ended beside `running` others, all or none.

        A victim is a container that runs, or the image of one that is refused at its start: the
        same one counts once within the window, so that retries disturb nobody. `now` is in
        monotonic seconds. A refusal opens the circuit breaker.
        """
        if self.is_open:
            return False
        if now < self._vouched_until:
            return True
        window = now - self.limits.seconds
        self._recent = {victim: when for victim, when in self._recent.items() if when > window}
        total = len(self._recent.keys() | set(victims))
        # What was ended within the window was running before.
        share = total / max(running + len(self._recent), 1)
        if total > self.limits.kills or (total >= SHARE_FLOOR and share > self.limits.share):
            self.opened_at = now
            self.refused_at = total
            return False
        self._recent |= dict.fromkeys(victims, now)
        return True

    def reset(self) -> None:
        """Count afresh: a new list arrived."""
        self.opened_at = None
        self.refused_at = 0
        self._recent.clear()
        self._vouched_until = 0.0

    def reset_by_hand(self, now: float) -> None:
        """A person has checked and confirms: what is evaluated within `seconds` of `now` may be
        ended, however much it is. Until a new list arrives, which is that person's no more."""
        self.reset()
        self._vouched_until = now + self.limits.seconds
