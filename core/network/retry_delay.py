"""How long to wait after failures: full jitter, so hosts never come back all at once; no clock.

Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 ("full jitter").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

SHORTEST = 1.0  # seconds
LONGEST = 900.0


@dataclass(slots=True)
class Backoff:
    """Counts failures in a row. The wait is drawn between `shortest` and a ceiling, which is twice
    `first` after one failure and doubles with each, up to `longest`; all in seconds."""

    first: float = SHORTEST
    longest: float = LONGEST
    shortest: float = SHORTEST
    failures: int = 0

    def failed(self, chance: float, *, at_least: float = 0.0) -> float:
        """Seconds until the next try; `chance` is uniform from 0 to 1.

        `at_least` is what the server asked for; a tenth more is spread over the hosts.
        """
        self.failures += 1
        ceiling = max(self.shortest, min(self.longest, self.first * 2.0 ** min(self.failures, 20)))
        own: float = self.shortest + chance * (ceiling - self.shortest)
        return max(own, at_least * (1 + chance / 10))

    def refused(self, chance: float) -> float:
        """Seconds until what was refused is tried again: the longest, less up to 10 %."""
        self.failures += 1
        return self.longest * (1 - chance / 10)

    def succeeded(self) -> None:
        """Begin anew."""
        self.failures = 0


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that an answer asks to wait; None if it asks nothing. Names are lower case.

    A date counts from the answer's own Date (RFC 9110, 10.2.3), so that this machine's clock does
    not matter.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal() and len(text) <= 9:
        return float(text)
    until, sent = _date(text), _date(headers.get("date", ""))
    return max(0.0, (until - sent).total_seconds()) if until and sent else None


def _date(text: str) -> datetime | None:
    from email.utils import parsedate_to_datetime  # costly, and dates are rare here

    try:
        found = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError):
        return None
    return found if found.tzinfo else None
