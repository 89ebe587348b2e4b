"""`ports.Spool` in one SQLite file: numbered, chained, bounded; knows bytes, not their meaning."""

import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from agent.adapters.spool.eviction import Limits, count_drop, evict, take_drops
from agent.adapters.spool.file import open_spool, set_aside
from agent.errors import SinkFailed
from agent.helpers.uplink import spool_table
from agent.log import get_logger
from agent.ports import Clock
from agent.ports.spool_port import DROPS, Entry, SpoolState
from core.findings.finding_record import timestamp
from core.hash_chain import START, link
from core.ids import new_id

log = get_logger(__name__)

HELD_SHARE = 10  # one part in so many is for floods that are being counted
ANNOUNCEMENT = 48 << 10  # bytes of the longest drops record
SPOOL_FULL = "spool full"
DAMAGED = "spool damaged"
QUARANTINED = "quarantined: the collector refuses them"


class SqliteSpool:
    """The writing end. Thread-safe; one process writes, the uplink's takes away."""

    def __init__(self, path: str | Path, clock: Clock, *, max_bytes: int, reserved: float) -> None:
        """`reserved` is the share of `max_bytes` that only urgent records may take.

        A file that cannot be had now is tried again at each call; one that is damaged is set
        aside (`was_damaged` names it) and a new one begun.
        """
        self.path, self._clock = Path(path), clock
        most = max_bytes - max_bytes // HELD_SHARE
        self._limits = Limits(most, int(most * reserved))
        self._most_held = max_bytes // HELD_SHARE
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self.was_damaged = ""
        self.known = SpoolState()  # as of the last call, for who must not wait for the disk
        try:
            self.check()
        except SinkFailed as error:
            log.error("spool.not_opened", error=str(error))

    def keep(self, entries: Sequence[Entry]) -> None:
        """See `ports.Spool`."""
        with self._lock, self._failing(), self._writing() as db:
            for entry in entries:
                if entry.counted:
                    self._hold(db, entry)
                else:
                    self._append(db, entry, 1)

    def settle(self) -> bool:
        """See `ports.Spool`."""
        with self._lock, self._failing(), self._writing() as db:
            before = spool_table.get(db, "sequence", "0")
            self._release(db)
            self._announce(db)
            wrote = spool_table.get(db, "sequence", "0") != before
        self.state()
        return wrote

    def state(self) -> SpoolState:
        """See `ports.Spool`."""
        with self._lock, self._failing():
            db = self._opened()
            records, size = db.execute("SELECT sum(records), sum(bytes) FROM totals").fetchone()
            held = db.execute("SELECT coalesce(sum(count), 0) FROM held").fetchone()[0]
            aside = db.execute("SELECT count(*) FROM quarantine").fetchone()[0]
            oldest = db.execute("SELECT time FROM records ORDER BY sequence LIMIT 1").fetchone()
            dropped = int(spool_table.get(db, "dropped", "0"))
        self.known = SpoolState(records, size, held, dropped, aside, oldest[0] if oldest else "")
        return self.known

    def check(self) -> None:
        """Open the file again and read through it; set it aside if it is damaged."""
        with self._lock, self._failing():
            if self._db is not None:
                self._db.close()
                self._db = None
            self._open()
        self.state()

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    # Within one transaction.

    def _append(self, db: sqlite3.Connection, entry: Entry, count: int) -> None:
        size = len(entry.data) + spool_table.OVERHEAD
        if not evict(db, self._limits, size, urgent=entry.urgent):
            if entry.urgent and entry.type != DROPS:
                self._hold(db, entry, count)
            elif entry.type != DROPS:
                count_drop(db, entry.type, len(entry.data), count)
            return
        epoch = spool_table.get(db, "epoch")
        before = spool_table.get(db, "hash", START)
        number = int(spool_table.get(db, "sequence", "0")) + 1
        found = link(
            before,
            epoch=epoch,
            sequence=number,
            id=entry.id,
            type=entry.type,
            time=entry.time,
            count=count,
            data=entry.data,
        )
        named = (number, entry.id, entry.type, entry.time, count, before, found)
        db.execute(
            "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*named, int(entry.urgent), entry.data),
        )
        spool_table.put(db, "sequence", str(number))
        spool_table.put(db, "hash", found)

    def _hold(self, db: sqlite3.Connection, entry: Entry, count: int = 1) -> None:
        """Count it with others like it; the newest speaks for all of them."""
        key = entry.group or f"{entry.type} {entry.id}"
        taken = db.execute("SELECT bytes FROM held_bytes").fetchone()[0]
        known = db.execute("SELECT 1 FROM held WHERE key = ?", (key,)).fetchone()
        if not known and taken + len(entry.data) > self._most_held:
            count_drop(db, entry.type, len(entry.data), count)
            return
        db.execute(
            "INSERT INTO held VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT(key) DO UPDATE SET"
            " id = excluded.id, time = excluded.time, count = held.count + excluded.count,"
            " data = excluded.data",
            (key, entry.id, entry.type, entry.time, count, entry.data),
        )

    def _release(self, db: sqlite3.Connection) -> None:
        """What was counted becomes records, as far as there is room."""
        rows = db.execute("SELECT key, id, type, time, count, data FROM held ORDER BY id")
        for key, id_, type_, time, count, data in rows.fetchall():
            if not evict(db, self._limits, len(data) + spool_table.OVERHEAD, urgent=True):
                return
            db.execute("DELETE FROM held WHERE key = ?", (key,))
            self._append(db, Entry(id_, type_, time, data, urgent=True), count)

    def _announce(self, db: sqlite3.Connection) -> None:
        """Say what the collector will never see, once there is room to say it."""
        poison = db.execute("SELECT type, sequence, data FROM quarantine WHERE told = 0").fetchall()
        if poison:
            by_type: dict[str, int] = {}
            for type_, _, _ in poison:
                by_type[type_] = by_type.get(type_, 0) + 1
            spans = [{"first": number, "last": number} for _, number, _ in poison]
            size = sum(len(data) for *_, data in poison)
            self._tell(db, QUARANTINED, by_type, size, spans)
            db.execute("UPDATE quarantine SET told = 1")
        dropped = db.execute("SELECT 1 FROM drops LIMIT 1").fetchone()
        if dropped and evict(db, self._limits, ANNOUNCEMENT, urgent=True):
            self._tell(db, SPOOL_FULL, *take_drops(db))

    def _tell(
        self,
        db: sqlite3.Connection,
        reason: str,
        by_type: dict[str, int],
        size: int,
        spans: list[dict[str, int]],
    ) -> None:
        now = self._clock.now()
        told = {
            "version": 1,
            "reason": reason,
            "count": sum(by_type.values()),
            "bytes": size,
            "by_type": by_type,
            "epoch": spool_table.get(db, "epoch"),
            "ranges": spans[:1000],
        }
        data = json.dumps(told, separators=(",", ":")).encode()
        id_ = new_id(now, os.urandom(8))
        self._append(db, Entry(id_, DROPS, timestamp(now), data, urgent=True), 1)

    # The file.

    def _open(self) -> None:
        self._db, aside = open_spool(self.path, self._new_id)
        self.was_damaged = aside or self.was_damaged
        if self.was_damaged and spool_table.get(self._db, "damaged") != self.was_damaged:
            with spool_table.transaction(self._db):
                spool_table.put(self._db, "damaged", self.was_damaged)
                self._tell(self._db, DAMAGED, {}, 0, [])

    def _new_id(self) -> str:
        return new_id(self._clock.now(), os.urandom(8))

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            self._open()
        assert self._db is not None  # _open raises where it cannot
        return self._db

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        db = self._opened()
        with spool_table.transaction(db):
            yield db

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if spool_table.damaged(error) and self._db is not None:
                self._db.close()
                self._db = None
                self.was_damaged = set_aside(self.path, str(error))
            raise SinkFailed(
                f"reports could not be kept in {self.path}: {error}",
                hint=f"free space on, or repair, the file system of {self.path.parent}",
            ) from error
        except OSError as error:
            raise SinkFailed(
                f"reports could not be kept in {self.path}: {error.strerror}",
                hint=f"free space on, or repair, the file system of {self.path.parent}",
            ) from error
