"""Group commit: threads that put all waiting batches into one transaction; knows no SQL, no HTTP.

While one transaction is being committed the next ones gather, so the busier it is, the more records
share one fsync. Nobody is answered before the commit.
"""

import logging
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future

from sqlalchemy.exc import DBAPIError

from collector.collector_errors import StoreUnavailable
from collector.model.records import Batch, Result
from collector.store.database import Database
from collector.store.randomness import random_bytes
from collector.store.schema import settings
from collector.store.writing import bulk
from collector.store.writing.apply import apply

MOST_WAITING = 20_000  # records; beyond it the sender is asked to wait
MOST_TOGETHER = 4_000  # records of one transaction
_TRIES = 3  # a deadlock or a lost connection is worth another try
_PROBE_BYTES = 64 << 10  # enough that a full disk has no room for it
_REPLACE = "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
_log = logging.getLogger("dockwarden.collector")

_Group = list[tuple[Batch, "Future[Result]"]]


class Busy(Exception):
    """Too much is waiting already."""


class Writer:
    """Takes batches from any thread; `threads` is 1 for SQLite, which has one writer anyway."""

    def __init__(self, database: Database, *, threads: int = 1, linger: float = 0.0) -> None:
        self._database = database
        self._linger = linger  # seconds in which more may join a transaction
        self._queue: deque[tuple[Batch, Future[Result]]] = deque()
        self._waiting = 0
        self._condition = threading.Condition()
        self._stopping = False
        self.failing = False  # whether the last transaction failed for want of the database
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, name=f"writer-{n}", daemon=True)
            for n in range(threads)
        ]

    def start(self) -> None:
        """Begin to write."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Write what is waiting, then end."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def submit(self, batch: Batch) -> "Future[Result]":
        """The result comes after the commit, or `StoreUnavailable`: then nothing is acknowledged.

        Raises `Busy` at once if too much is waiting.
        """
        future: Future[Result] = Future()
        with self._condition:
            if self._stopping or self._waiting >= MOST_WAITING:
                raise Busy
            self._queue.append((batch, future))
            self._waiting += max(1, len(batch.records))
            self._condition.notify()
        return future

    def try_again(self) -> None:
        """After a failure: find out whether a transaction can be committed. Raises
        `StoreUnavailable` if it cannot."""
        with self._database.write() as connection:
            row = [("readiness", random_bytes(_PROBE_BYTES).hex())]
            bulk.insert(connection, settings, row, _REPLACE)
        self.failing = False

    def _run(self) -> None:
        while (group := self._next()) is not None:
            self._settle(group)

    def _settle(self, group: _Group) -> None:
        """Write a group and inform each of its senders."""
        try:
            results = self._write([batch for batch, _ in group])
        except StoreUnavailable as error:
            if error.poisoned and len(group) > 1:  # one batch must not hold up all others
                for one in group:
                    self._settle([one])
                return
            self.failing = not error.poisoned
            _log.error("collector.write_failed", extra={"error": str(error)})
            for _, future in group:
                future.set_exception(error)
        else:
            self.failing = False
            for (_, future), result in zip(group, results, strict=True):
                future.set_result(result)

    def _next(self) -> _Group | None:
        """What is waiting, up to `MOST_TOGETHER` records; None to end."""
        with self._condition:
            while not self._queue:
                if self._stopping:
                    return None
                self._condition.wait()
        if self._linger:
            self._stopped.wait(self._linger)
        group: _Group = []
        size = 0
        with self._condition:
            while self._queue and size < MOST_TOGETHER:
                batch, future = self._queue.popleft()
                size += max(1, len(batch.records))
                if future.set_running_or_notify_cancel():
                    group.append((batch, future))
            self._waiting -= size
        return group

    def _write(self, batches: Sequence[Batch]) -> list[Result]:
        if not batches:
            return []
        for left in reversed(range(_TRIES)):
            try:
                with self._database.write() as connection:
                    return apply(connection, batches)
            except StoreUnavailable:
                if not left:
                    raise
            except DBAPIError as error:
                raise StoreUnavailable(
                    f"the database refused records: {error.orig}",
                    hint="the collector's log names the error; the sender keeps the records",
                    poisoned=True,
                ) from error
        raise AssertionError("the last try returns or raises")
