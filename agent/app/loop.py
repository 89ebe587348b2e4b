"""One queue, one thread that owns the decision state, and a small pool for slow work.

It knows nothing of containers: what a message means is its receiver's business.
"""

import contextlib
import queue
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, TypeVar

from core.base_errors import DockwardenError

T = TypeVar("T")
_FINISH_STEP = 0.05  # s


@dataclass(frozen=True, slots=True)
class _Call:
    """Something to do on the loop's own thread."""

    action: Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Crash:
    """An unforeseen error: the process must end and be started again."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class _Stop:
    """The last message."""


class Loop:
    """Delivers messages, in order, to `handle`; calls `tick` at least each `period` seconds."""

    def __init__(
        self,
        pool: Executor,
        *,
        urgent: Executor | None = None,
        handle: Callable[[Any], None],
        tick: Callable[[], None],
        period: float = 1.0,
    ) -> None:
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._pool = pool
        self._urgent = urgent or pool
        self._handle = handle
        self._tick = tick
        self._period = period

    def post(self, message: object) -> None:
        """Queue a message; safe from any thread, never blocks."""
        self._queue.put(message)

    def call(self, action: Callable[[], None]) -> None:
        """Queue something to do on the loop's thread."""
        self._queue.put(_Call(action))

    def crash(self, error: BaseException) -> None:
        """End `run` with this error: a producer died of something nobody had named."""
        self._queue.put(_Crash(error))

    def stop(self) -> None:
        """End `run` after what is queued already."""
        self._queue.put(_Stop())

    def submit(
        self,
        job: Callable[[], T],
        then: Callable[[T | DockwardenError], None],
        *,
        urgent: bool = False,
    ) -> None:
        """See `Work`."""

        def run() -> None:
            result: T | DockwardenError
            try:
                result = job()
            except DockwardenError as error:
                result = error
            except BaseException as error:  # noqa: BLE001 - handed to the loop, which ends with it
                self.crash(error)
                return
            self.call(lambda: then(result))

        (self._urgent if urgent else self._pool).submit(run)

    def run(self) -> None:
        """Deliver until `stop`; raises what `crash` was given."""
        ticked = time.monotonic()
        while True:
            if self._queue.empty() or time.monotonic() - ticked >= self._period:
                self._tick()
                ticked = time.monotonic()
            try:
                message = self._queue.get(timeout=self._period)
            except queue.Empty:
                continue
            if isinstance(message, _Stop):
                return
            self._deliver(message)

    def finish(self, done: Callable[[], bool], *, seconds: float) -> None:
        """After `run`: deliver what is still to come until `done`, for `seconds` at most."""
        end = time.monotonic() + seconds
        while not (done() and self._queue.empty()) and time.monotonic() < end:
            with contextlib.suppress(queue.Empty):
                message = self._queue.get(timeout=_FINISH_STEP)
                if not isinstance(message, _Stop):
                    self._deliver(message)

    def _deliver(self, message: object) -> None:
        if isinstance(message, _Crash):
            raise message.error
        if isinstance(message, _Call):
            message.action()
        else:
            self._handle(message)
