"""One run of the uplink: sends what waits, oldest first, paced, until nothing waits or it fails.

It knows neither sockets nor the clock: `post` sends one body, `wait` waits.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from agent.helpers.uplink import batch
from agent.helpers.uplink.batch import Next, Step
from agent.helpers.uplink.outbox import MOST_RECORDS, Outbox, Record
from core.base_errors import DockwardenError

LINGER_SECONDS: Final = 5.0  # it stays so long for what may follow


class Unreachable(DockwardenError):
    """No whole answer came; nothing is known of what became of the request."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; names of headers are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Post(Protocol):
    """Sends one gzip'd batch; raises `Unreachable`."""

    def __call__(self, body: bytes, /) -> Reply: ...


@dataclass(slots=True)
class Outcome:
    """How it ended: `why` is empty when nothing was left to send. `after` is in seconds."""

    why: str = ""
    refused: bool = False
    after: float = 0.0
    sent: int = 0
    quarantined: int = 0


class Session:
    """`wait(seconds)` returns True when woken earlier, `pause(seconds)` waits in any case; `pace`
    is the least time between two requests, so being woken never makes it send more often."""

    def __init__(
        self,
        outbox: Outbox,
        host_id: str,
        *,
        post: Post,
        wait: Callable[[float], bool],
        pause: Callable[[float], None],
        pace: float,
        told: Callable[[int], None] = lambda _records: None,
    ) -> None:
        self._outbox, self._host_id, self._pace = outbox, host_id, pace
        self._post, self._wait, self._pause, self._told = post, wait, pause, told
        self._most = MOST_RECORDS

    def run(self) -> Outcome:
        """Send until nothing waits or it has to be tried later. Raises `sqlite3.Error`."""
        outcome = Outcome()
        while True:
            records = self._outbox.oldest(self._most)
            if not records:
                if not self._linger():
                    return outcome
                continue
            step = self._send(records)
            if step.next in (Next.RETRY, Next.REFUSED):
                outcome.why, outcome.after = step.why, step.after
                outcome.refused = step.next is Next.REFUSED
                return outcome
            self._settle(step, records, outcome)
            self._told(len(records))
            self._pause(self._pace)

    def _linger(self) -> bool:
        """Whether something came while it waited."""
        return self._wait(LINGER_SECONDS) or not self._outbox.empty()

    def _send(self, records: list[Record]) -> Step:
        content = batch.body(records, host_id=self._host_id, epoch=self._outbox.epoch)
        try:
            reply = self._post(content)
        except Unreachable as error:
            return Step(Next.RETRY, str(error))
        return batch.step(reply.status, reply.headers, reply.body, records)

    def _settle(self, step: Step, records: list[Record], outcome: Outcome) -> None:
        if step.next is Next.FORGET:
            self._outbox.forget(records)
            outcome.sent += len(records)
            self._most = min(MOST_RECORDS, self._most * 2)
        elif step.next is Next.SPLIT:
            self._most = max(1, len(records) // 2)
        else:
            poison = [record for record in records if record.id in step.reasons]
            self._outbox.quarantine(poison, step.reasons)
            outcome.quarantined += len(poison)
