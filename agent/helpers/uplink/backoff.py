"""How long to wait after failures: full jitter, so hosts never come back all at once; no clock.

Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 ("full jitter").
"""

from dataclasses import dataclass

SHORTEST = 1.0  # seconds
LONGEST = 900.0


@dataclass(slots=True)
class Backoff:
    """Counts failures in a row."""

    failures: int = 0

    def failed(self, chance: float, *, at_least: float = 0.0) -> float:
        """Seconds until the next try; `chance` is uniform from 0 to 1.

        `at_least` is what the collector asked for; a tenth more is spread over the hosts.
        """
        self.failures += 1
        ceiling = min(LONGEST, SHORTEST * 2.0 ** min(self.failures, 20))
        own: float = SHORTEST + chance * (ceiling - SHORTEST)
        return max(own, at_least * (1 + chance / 10))

    def refused(self, chance: float) -> float:
        """Seconds until a token that was refused is tried again: the longest, less up to 10 %."""
        self.failures += 1
        return LONGEST * (1 - chance / 10)

    def succeeded(self) -> None:
        """Begin again."""
        self.failures = 0
