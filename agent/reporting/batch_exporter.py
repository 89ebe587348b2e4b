"""Findings on their way to a remote sink: queued, bounded, sent, tried again; knows no protocol.

Each remote sink has a queue and a thread of its own, so that a slow or dead receiver delays
nobody else. What does not fit is counted: the findings file on this host has it.
"""

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from agent.errors import SinkBusy, SinkFailed, SinkRefused
from agent.log import get_logger
from agent.ports import ExportTransport, SinkState
from core.findings.finding import Finding, Kind
from core.network.retry_delay import Backoff

log = get_logger(__name__)

MOST_AT_ONCE = 100  # findings a batch
FIRST_PAUSE = 1.0  # s
LONGEST_PAUSE = 300.0  # s
LONGEST_BUSY = 900.0  # s a receiver may ask for
ENDING_PAUSE = 0.2  # s between two tries while the agent ends


class BatchExporter:
    """`ports.Outlet` over one `ExportTransport`; `record` never blocks and never raises."""

    def __init__(
        self,
        name: str,
        export_transport: ExportTransport,
        *,
        most_waiting: int,
        crashed: Callable[[BaseException], None],
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        """Starts its thread. `crashed` hears of errors nobody had named; `first_pause` (seconds)
        is the longest after one failure; it doubles with every failure, up to `LONGEST_PAUSE`."""
        self._name = name
        self._transport = export_transport
        self._most = most_waiting
        self._crashed = crashed
        self._backoff = Backoff(first_pause / 2, LONGEST_PAUSE, 0.0)
        self._waiting: deque[Finding] = deque()
        self._minor = 0  # of those, no violations
        self._flying = 0  # being sent
        self._changed = threading.Condition()
        self._ends_at: float | None = None
        self._sent = self._dropped = self._refused = 0
        self._error = ""
        self._thread = threading.Thread(target=self._run, name=f"sink-{name}", daemon=True)
        self._thread.start()

    def record(self, findings: Sequence[Finding]) -> None:
        """Queue these; of a full queue the oldest that are no violations go first."""
        with self._changed:
            self._waiting.extend(findings)
            self._minor += _minor(findings)
            self._shed()
            self._changed.notify()

    def state(self) -> SinkState:
        """See `ports.Outlet`."""
        with self._changed:
            waiting = len(self._waiting) + self._flying
            counts = (waiting, self._sent, self._dropped, self._refused)
            return SinkState(self._name, *counts, self._error)

    def close(self, timeout: float) -> None:
        """Send what waits, trying for `timeout` seconds; the rest is counted as dropped."""
        with self._changed:
            self._ends_at = time.monotonic() + timeout
            self._changed.notify()
        self._thread.join(timeout)
        with self._changed:
            left = len(self._waiting) + self._flying
            self._dropped += left
            self._waiting.clear()
        if left:
            log.warning("sink.left_behind", sink=self._name, findings=left, error=self._error)

    def _shed(self) -> None:
        while len(self._waiting) > self._most:
            if not self._dropped:
                log.warning("sink.overflows", sink=self._name, error=self._error)
            self._dropped += 1
            if self._minor:
                minor = (i for i, one in enumerate(self._waiting) if one.kind is not Kind.VIOLATION)
                del self._waiting[next(minor)]
                self._minor -= 1
            else:
                self._waiting.popleft()

    def _run(self) -> None:
        try:
            self._send_all()
        except BaseException as error:  # noqa: BLE001 - handed to the loop, which ends with it
            self._crashed(error)
        finally:
            self._transport.close()

    def _send_all(self) -> None:
        """A batch that is refused is halved down to the one finding it is about."""
        most = MOST_AT_ONCE
        while batch := self._take(most):
            try:
                refused = self._transport.send(batch)
            except SinkRefused as error:
                if len(batch) == 1:
                    log.warning(
                        "sink.refused", sink=self._name, finding=batch[0].id, error=str(error)
                    )
                    self._settle(batch, refused=1)
                else:
                    self._put_back(batch)
                    most = len(batch) // 2
            except SinkFailed as error:
                self._put_back(batch, error)
                wanted = error.seconds if isinstance(error, SinkBusy) else 0.0
                at_least = min(wanted, LONGEST_BUSY)
                self._rest(self._backoff.failed(random.random(), at_least=at_least))
            else:
                self._settle(batch, refused=refused)
                self._backoff.succeeded()
                most = min(most * 2, MOST_AT_ONCE)

    def _take(self, most: int) -> list[Finding]:
        """The oldest off the queue, waiting for one; empty at the end."""
        with self._changed:
            while not self._waiting and self._ends_at is None:
                self._changed.wait()
            if self._ends_at is not None and time.monotonic() >= self._ends_at:
                return []
            batch = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
            self._minor -= _minor(batch)
            self._flying = len(batch)
            return batch

    def _put_back(self, batch: Sequence[Finding], error: SinkFailed | None = None) -> None:
        with self._changed:
            first = error is not None and not self._error
            self._error = str(error) if error else self._error
            self._waiting.extendleft(reversed(batch))
            self._minor += _minor(batch)
            self._flying = 0
            self._shed()
        if first:
            log.warning("sink.fails", sink=self._name, error=str(error))

    def _settle(self, batch: Sequence[Finding], *, refused: int) -> None:
        with self._changed:
            self._flying = 0
            self._sent += len(batch) - refused
            self._refused += refused
            recovered, self._error = bool(self._error), ""
        if recovered:
            log.info("sink.works_again", sink=self._name)

    def _rest(self, seconds: float) -> None:
        """Wait; the agent's end cuts it short, once the receiver had a moment."""
        end = time.monotonic() + seconds
        with self._changed:
            while self._ends_at is None and (left := end - time.monotonic()) > 0:
                self._changed.wait(left)
        if self._ends_at is not None:
            time.sleep(min(max(0.0, end - time.monotonic()), ENDING_PAUSE))


def _minor(findings: Sequence[Finding]) -> int:
    return sum(finding.kind is not Kind.VIOLATION for finding in findings)
