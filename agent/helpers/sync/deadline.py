"""How much time is left, counted by the monotonic clock; knows nothing of what takes it."""

import time
from dataclasses import dataclass
from typing import Self


class DeadlinePassed(BaseException):
    """The whole run took too long. No `Exception`, so that no library takes it for its own
    trouble and goes on."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """`end` is an instant of `time.monotonic`."""

    end: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        """From now on."""
        return cls(time.monotonic() + seconds)

    @property
    def left(self) -> float:
        """Seconds; 0 when it has passed."""
        return max(0.0, self.end - time.monotonic())
