"""When the uplink's process runs: at once on something new, later after a failure.

One thread of its own. It knows neither records nor HTTP, and never gives up.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random

from agent.adapters.uplink_helper.uplink_process import Run
from agent.helpers.uplink.uplink_order import Order, Said
from agent.log import get_logger
from agent.ports import Clock
from core.network.retry_delay import Backoff

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class UplinkState:
    """`error` is empty while reports arrive; `refused` asks for a person. `sent` and
    `quarantined` count records since the start."""

    url: str
    error: str = ""
    refused: bool = False
    since: datetime | None = None  # of the error
    delivered_at: datetime | None = None
    sent: int = 0
    quarantined: int = 0


class Uplink:
    """`changed` is called from its thread with the new state when an error comes, changes its
    kind or goes; `waiting` says whether the spool holds anything; `damaged` that it is broken."""

    def __init__(
        self,
        order: Order,
        clock: Clock,
        *,
        waiting: Callable[[], bool],
        damaged: Callable[[], None],
        changed: Callable[[UplinkState], None],
        crashed: Callable[[BaseException], None],
        random: Random | None = None,
    ) -> None:
        self._order, self._clock, self._random = order, clock, random or Random()
        self._waiting, self._damaged = waiting, damaged
        self._changed, self._crashed = changed, crashed
        self._lock = threading.Lock()
        self._news, self._closing = threading.Event(), threading.Event()
        self._current: Run | None = None
        self._backoff = Backoff()
        self._state = UplinkState(order.url)
        self._thread = threading.Thread(target=self._run, name="uplink", daemon=True)

    @property
    def state(self) -> UplinkState:
        """Its present state; from any thread."""
        return self._state

    @property
    def pid(self) -> int | None:
        """The running process's, if one runs."""
        current = self._current
        return current.process.pid if current else None

    def start(self) -> None:
        """Send what is there already, then what comes."""
        self._thread.start()

    def wake(self) -> None:
        """Something new waits; from any thread, never blocks."""
        self._news.set()
        with self._lock:
            if self._current is not None:
                self._current.wake()

    def close(self) -> None:
        """Stop; what is under way is abandoned and sent again another time."""
        self._closing.set()
        self._news.set()
        with self._lock:
            if self._current is not None:
                self._current.end()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self._news.clear()
                if self._waiting():
                    self._closing.wait(self._once())
                else:
                    self._news.wait()
        except BaseException as error:  # noqa: BLE001 - handed to the loop, which ends with it
            self._crashed(error)

    def _once(self) -> float:
        """One run; returns for how many seconds to leave it."""
        try:
            last = self._session()
        except (OSError, ValueError, TypeError) as error:
            last = Said(ended=True, why=f"the uplink's process: {error}")
        if self._closing.is_set():
            return 0.0
        if last.damaged:
            self._damaged()
        if not last.why:
            self._arrived(0)
            return 0.0
        self._failed(last)
        if last.refused:
            return self._backoff.refused(self._random.random())
        return self._backoff.failed(self._random.random(), at_least=last.after)

    def _session(self) -> Said:
        with self._lock:
            if self._closing.is_set():
                return Said(ended=True)
            run = self._current = Run(self._order)
        try:
            last = run.listen(lambda said: self._arrived(said.sent))
        finally:
            with self._lock:
                self._current = None
                run.close()
        self._state = replace(self._state, quarantined=self._state.quarantined + last.quarantined)
        return last

    def _arrived(self, records: int) -> None:
        self._backoff.succeeded()
        before = self._state
        self._state = replace(
            before,
            error="",
            refused=False,
            since=None,
            delivered_at=self._clock.now() if records else before.delivered_at,
            sent=before.sent + records,
        )
        if before.error:
            log.info("uplink.back", url=self._order.url)
            self._changed(self._state)

    def _failed(self, last: Said) -> None:
        before = self._state
        since = before.since or self._clock.now()
        self._state = replace(before, error=last.why, refused=last.refused, since=since)
        if not before.error or before.refused != last.refused:
            log.warning("uplink.failed", url=self._order.url, error=last.why)
            self._changed(self._state)
