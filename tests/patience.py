"""How long a test waits for what must come: no verdict may depend on how fast the machine is.

Only a failing test waits to the end. One that shows that nothing happens waits a time of its own.
"""

import time
from collections.abc import Callable

PATIENCE = 120.0  # s


def until(
    true: Callable[[], object], what: str | Callable[[], str], *, pause: float = 0.005
) -> None:
    """Wait until something is so, looking every `pause` seconds; `what` words the failure."""
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"never happened: {what if isinstance(what, str) else what()}")
        time.sleep(pause)
