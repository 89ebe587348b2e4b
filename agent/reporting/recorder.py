"""Findings on their way to the sinks: composed, made durable, acknowledged; decides nothing.

One thread of its own, so that a slow disk never delays an evaluation. What a sink refuses is kept
in memory, bounded, and tried again; what has to be dropped is counted and said.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.errors import SinkFailed
from agent.log import get_logger
from agent.ports import FindingSink
from core.findings.finding import Finding, Kind

log = get_logger(__name__)

MOST_WAITING = 20_000
RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Kept:
    """These findings are durable."""

    findings: tuple[Finding, ...]


class Recorder:
    """Takes findings from any thread; `kept` hears of those that became durable.

    `primary` must succeed for a finding to count as kept; `others` are best effort (the
    journal). `complete` adds what takes long to find out (the next step for the refused).
    """

    def __init__(
        self,
        primary: FindingSink,
        others: Sequence[FindingSink],
        *,
        complete: Callable[[Finding], Finding],
        kept: Callable[[Kept], None],
        crashed: Callable[[BaseException], None],
    ) -> None:
        self._primary = primary
        self._others = tuple(others)
        self._complete = complete
        self._kept = kept
        self._crashed = crashed
        self._queue: queue.SimpleQueue[Finding | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self.dropped = 0
        self.failing = ""

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def record(self, finding: Finding) -> None:
        """Queue a finding; never blocks."""
        self._queue.put(finding)

    def close(self, timeout: float = 5.0) -> None:
        """Write what is queued, as far as `timeout` seconds reach."""
        self._queue.put(None)
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            self._write_all()
        except BaseException as error:  # noqa: BLE001 - handed to the loop, which ends with it
            self._crashed(error)

    def _write_all(self) -> None:
        waiting: list[Finding] = []
        closing = False
        while not closing:
            closing = self._gather(waiting)
            if waiting and self._keep(waiting):
                waiting.clear()
            elif waiting and closing:
                self.dropped += len(waiting)
                log.critical("findings.lost", findings=len(waiting), error=self.failing)
            elif waiting:
                self._shed(waiting)
                time.sleep(RETRY_SECONDS)

    def _gather(self, waiting: list[Finding]) -> bool:
        """Everything that is queued now, waiting only when there is nothing to retry."""
        block = not waiting
        while True:
            try:
                finding = self._queue.get(block=block)
            except queue.Empty:
                return False
            if finding is None:
                return True
            waiting.append(self._complete(finding))
            block = False

    def _keep(self, findings: list[Finding]) -> bool:
        try:
            self._primary.record(findings)
        except SinkFailed as error:
            if not self.failing:
                log.error("findings.not_kept", error=str(error), waiting=len(findings))
            self.failing = str(error)
            return False
        self.failing = ""
        for sink in self._others:
            try:
                sink.record(findings)
            except SinkFailed as error:
                log.warning("findings.sink_failed", error=str(error))
        self._kept(Kept(tuple(findings)))
        return True

    def _shed(self, waiting: list[Finding]) -> None:
        """Beyond the bound the oldest that are no violations go first, and are counted."""
        surplus = len(waiting) - MOST_WAITING
        if surplus <= 0:
            return
        order = sorted(range(len(waiting)), key=lambda i: (waiting[i].kind is Kind.VIOLATION, i))
        gone = set(order[:surplus])
        waiting[:] = [finding for i, finding in enumerate(waiting) if i not in gone]
        self.dropped += surplus
