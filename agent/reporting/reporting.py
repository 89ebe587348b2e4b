"""What the host reports to its collector regularly: heartbeat, inventory, what floods were counted.

Runs on the loop's thread; reading figures and writing to the spool are slow work. It acts through
ports only.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from agent.log import get_logger
from agent.ports import Clock
from agent.ports.own import Own
from agent.ports.spool_port import HEARTBEAT, INVENTORY, Entry, Spool
from agent.ports.work import Work
from agent.reporting import inventory
from agent.reporting.heartbeat import Beat, heartbeat
from core.base_errors import DockwardenError
from core.findings.finding_record import timestamp
from core.ids import new_id

log = get_logger(__name__)

SETTLE_SECONDS = 10.0  # how long a flood is counted at most before it is reported
INVENTORY_SECONDS = 30.0  # it is not compared more often
FIRST_SECONDS = 5.0  # after the start: until then little is known of the host


@dataclass(frozen=True, slots=True)
class Host:
    """What a heartbeat says of the host that does not change."""

    name: str
    scope: str
    interval: float


class Reporting:
    """`status` is asked on the loop's thread; `wake` is called when something waits."""

    def __init__(
        self,
        host: Host,
        spool: Spool,
        own: Own,
        *,
        work: Work,
        clock: Clock,
        random: Random,
        status: Callable[[], Mapping[str, Any]],
        entries: Callable[[], Sequence[inventory.Listed]],
        wake: Callable[[], None],
    ) -> None:
        self._host, self._spool, self._own = host, spool, own
        self._work, self._clock, self._random = work, clock, random
        self._status, self._cases, self._wake = status, entries, wake
        self._beat = Beat(host.interval)
        began = clock.monotonic()
        self._first = began + min(FIRST_SECONDS, host.interval)
        self._settled, self._compared = began, began - INVENTORY_SECONDS
        self._told = ""
        self._busy = False
        self.error = ""

    def tick(self) -> None:
        """Do what is due; one job at a time."""
        now = self._clock.monotonic()
        if self._busy:
            return
        if now >= self._first:
            if self._beat.due(now, self._random.random()):
                self._submit(self._beat_job(self._status()))
                return
            if now - self._compared >= INVENTORY_SECONDS:
                self._compared = now
                self._compare()
                return
        if now - self._settled >= SETTLE_SECONDS:
            self._settled = now
            self._submit(self._spool.settle)

    def _beat_job(self, status: Mapping[str, Any]) -> Callable[[], bool]:
        def job() -> bool:
            record = heartbeat(
                status,
                host=self._host.name,
                scope=self._host.scope,
                interval=self._host.interval,
                spool=self._spool.state(),
                figures=self._own.figures(),
                system=self._own.system(),
            )
            self._spool.keep([self._entry(HEARTBEAT, record)])
            return True

        return job

    def _compare(self) -> None:
        told = inventory.parts(*inventory.listed(self._cases()))
        name = str(told[0]["hash"])
        if name == self._told:
            return

        def job() -> bool:
            self._spool.keep([self._entry(INVENTORY, part) for part in told])
            return True

        self._submit(job, name)

    def _submit(self, job: Callable[[], bool], told: str = "") -> None:
        self._busy = True

        def then(result: bool | DockwardenError) -> None:
            self._busy = False
            if isinstance(result, DockwardenError):
                if not self.error:
                    log.warning("spool.failing", error=str(result))
                self.error = str(result)
                return
            self.error = ""
            self._told = told or self._told
            if result:
                self._wake()

        self._work.submit(job, then)

    def _entry(self, type_: str, record: Mapping[str, Any]) -> Entry:
        now = self._clock.now()
        text = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        id_ = new_id(now, self._random.randbytes(8))
        return Entry(id_, type_, timestamp(now), text.encode(), urgent=False)
