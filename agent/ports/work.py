"""How the loop's owner has slow work done elsewhere."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from core.base_errors import DockwardenError

T = TypeVar("T")


class Work(Protocol):
    """A pool for slow work whose results come back to the loop."""

    def submit(
        self,
        job: Callable[[], T],
        then: Callable[[T | DockwardenError], None],
        *,
        urgent: bool = False,
    ) -> None:
        """Run `job` elsewhere; `then` gets its result, or its named error, on the loop.

        An `urgent` job, for which an evaluation waits, never queues behind those that are not.
        """
        ...


class Calls(Protocol):
    """A way onto the loop's thread for those who are on another."""

    def call(self, action: Callable[[], None]) -> None:
        """Queue something to do on the loop's thread; safe from any thread."""
        ...
