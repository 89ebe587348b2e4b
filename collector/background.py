"""What runs beside the requests: sweeps for silent hosts, alerts, partitions, pruning.

Any number of replicas may run it; each change is made once. Knows no SQL.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from collector.alert_webhook import deliver
from collector.collector_errors import StoreUnavailable
from collector.store import partitions, silence
from collector.store.database import Database
from collector.store.retention import Retention, prune

SILENCE_SECONDS = 15.0
_HOURLY_SECONDS = 3600.0
_log = logging.getLogger("dockwarden.collector")


@dataclass(slots=True)
class Background:
    """`quiet` is for how long after a start, or after the database was away, no host is called
    silent: nobody could report in that time, and all would be announced at once."""

    database: Database
    retention: Retention
    now: Callable[[], datetime]
    webhook: str = ""
    quiet: timedelta = timedelta(minutes=7)
    _steady_since: datetime | None = field(default=None)
    _hourly_at: float = field(default=0.0)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Runs until the block ends."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            await asyncio.to_thread(self.turn)
            await asyncio.sleep(SILENCE_SECONDS)

    def turn(self) -> None:
        """One round. Each part is tried by itself: what fails is logged and tried again at the next
        round, and keeps no other part from its work."""
        for part in (self._hourly, self._look_for_silence, self._deliver):
            try:
                part()
            except StoreUnavailable as error:
                self._steady_since = None
                _log.warning("collector.background_failed", extra={"error": str(error)})
            except Exception:  # noqa: BLE001 - the task must not end; the log has all of it
                _log.exception("collector.background_failed", extra={"part": part.__name__})

    def _look_for_silence(self) -> None:
        now = self.now()
        if self._steady_since is None:
            self._steady_since = now
        if now - self._steady_since >= self.quiet:
            silence.check(self.database, now, announce=bool(self.webhook))

    def _hourly(self) -> None:
        if time.monotonic() < self._hourly_at:
            return
        partitions.ensure(self.database, self.now())
        pruned = prune(self.database, self.retention, self.now())
        if pruned.events or pruned.partitions:
            _log.info("collector.pruned", extra={"pruned": str(pruned)})
        self._hourly_at = time.monotonic() + _HOURLY_SECONDS

    def _deliver(self) -> None:
        if not self.webhook:
            return
        now = self.now()
        alerts = silence.claim(self.database, now)
        if not alerts:
            return
        if trouble := deliver(self.webhook, alerts):
            _log.warning("collector.webhook_failed", extra={"trouble": trouble})
        silence.settle(self.database, alerts, now, well=not trouble)
