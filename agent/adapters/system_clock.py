"""The machine's clocks; the only place that reads them."""

import time
from datetime import UTC, datetime


class SystemClock:
    """`ports.Clock` on the kernel's clocks."""

    def now(self) -> datetime:
        """The wall clock, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back and do not count suspended time (CLOCK_MONOTONIC)."""
        return time.monotonic()

    def asleep(self) -> float:
        """Seconds that the machine was suspended since it booted."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
