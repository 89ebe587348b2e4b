"""Writes an index file: entries in and out of its tables; knows nothing of lists and their blobs.

The file is new and nobody reads it yet: it is written without a journal and fsynced at its end, and
an error leaves none.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any, Final

from agent.errors import AllowlistRejected
from agent.helpers.sync.list_index import index_rows as rows
from core.allowlist.allowlist import Approval, Deny, Waiver
from core.durable import sync_directory
from core.image.digest import Digest

_ENTRY: Final = "INSERT INTO entries (entry, depth, name, ends, digests, body, hash)"
_CACHE_KIB: Final = 16_384

Scope = tuple[str, int, int, str, int, int, str, str]
"""The columns of the table `scopes`."""


class Damaged(Exception):
    """The previous index is none that can be built upon."""


@contextmanager
def writing(target: Path, previous: Path | None) -> Iterator["IndexWriter"]:
    """An index at `target`, beginning as a copy of the previous one; whole and durable after it.

    Raises `Damaged` where the previous one is not an index, `AllowlistRejected` where the target
    cannot be written.
    """
    done = False
    try:
        target.unlink(missing_ok=True)
        if previous is not None:
            shutil.copyfile(previous, target)
        with closing(sqlite3.connect(target, isolation_level=None)) as connection:
            writer = IndexWriter(connection, is_new=previous is None)
            yield writer
            writer.finish()
        _sync(target)
        done = True
    except sqlite3.DatabaseError as error:
        if previous is not None and not isinstance(error, sqlite3.OperationalError):
            raise Damaged(str(error)) from error
        raise AllowlistRejected(f"{target}: {error}", hint="free space on its disk") from error
    except OSError as error:
        raise AllowlistRejected(f"{target}: {error}", hint="free space on its disk") from error
    finally:
        if not done:
            with suppress(OSError):  # the first error is the one to report
                target.unlink(missing_ok=True)


class IndexWriter:
    """One index under construction."""

    def __init__(self, connection: sqlite3.Connection, *, is_new: bool) -> None:
        self._db = connection
        self._is_new = is_new
        self._run(f"PRAGMA cache_size = -{_CACHE_KIB}")
        for setting in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE"):
            self._run(f"PRAGMA {setting}")
        self._run("PRAGMA trusted_schema = OFF")
        if is_new:
            self._db.executescript(rows.SCHEMA)
        elif self._identity() != (rows.APPLICATION_ID, rows.VERSION):
            raise Damaged("it is of another version")
        self._run("CREATE TEMP TABLE fresh (key INTEGER NOT NULL, entry INTEGER NOT NULL)")
        self._run("BEGIN")

    def scopes(self) -> dict[str, Scope]:
        """What is known of each scope."""
        return {row[0]: row for row in self._run("SELECT * FROM scopes")}

    def replace_scopes(self, scopes: Iterable[Scope]) -> None:
        """Write again what is known of the scopes."""
        self._run("DELETE FROM scopes")
        self._db.executemany("INSERT INTO scopes VALUES (?, ?, ?, ?, ?, ?, ?, ?)", scopes)

    def replace_others(self, others: Iterable[tuple[int, Deny | Waiver]]) -> None:
        """Put these denies and waivers, each with its depth, in the place of all there are."""
        for entry, digests in self._run("SELECT entry, digests FROM entries WHERE entry < 0"):
            self._forget(entry, digests)
        self._run("DELETE FROM entries WHERE entry < 0")
        for number, (depth, other) in enumerate(others, start=1):
            pack = rows.pack_deny(other) if isinstance(other, Deny) else rows.pack_waiver(other)
            self._insert(-number, depth, pack, None)
            self._remember(-number, other.digests)

    def clear(self, depth: int) -> None:
        """Take out all approvals of a level."""
        lowest, end = depth << rows.DEPTH_SHIFT, (depth + 1) << rows.DEPTH_SHIFT
        self._run("DELETE FROM digests WHERE entry >= ? AND entry < ?", lowest, end)
        self._run("DELETE FROM entries WHERE entry >= ? AND entry < ?", lowest, end)

    def load(self, depth: int, approvals: Iterable[tuple[Approval, bytes]]) -> None:
        """Put many approvals, with the hash of each one's line, into a level that holds none."""
        for number, (approval, weight) in enumerate(approvals, depth << rows.DEPTH_SHIFT):
            self._insert(number, depth, rows.pack_approval(approval), weight)
            keys = ((rows.key_of(d), number) for d in _all(approval))
            self._db.executemany("INSERT INTO fresh VALUES (?, ?)", keys)
        # Sorted first, so that no page is written twice.
        order = "SELECT key, entry FROM fresh ORDER BY key, entry"
        self._run(f"INSERT OR IGNORE INTO digests {order}")
        self._run("DELETE FROM fresh")

    def put(self, depth: int, approval: Approval, weight: bytes) -> None:
        """Put one approval into a level."""
        lowest, end = depth << rows.DEPTH_SHIFT, (depth + 1) << rows.DEPTH_SHIFT
        query = "SELECT max(entry) FROM entries WHERE entry >= ? AND entry < ?"
        (last,) = self._run(query, lowest, end).fetchone()
        number = lowest if last is None else last + 1
        self._insert(number, depth, rows.pack_approval(approval), weight)
        self._remember(number, _all(approval))

    def drop(self, depth: int, pull: Digest) -> bytes | None:
        """Take the approval with this id out of a level; its hash, None if it is not there."""
        query = "SELECT entry, digests, hash FROM digests JOIN entries USING (entry) WHERE key = ?"
        for entry, digests, weight in self._run(query, rows.key_of(pull)).fetchall():
            is_of_level = entry >= 0 and entry >> rows.DEPTH_SHIFT == depth
            if is_of_level and rows.unpack_digests(digests)[0][0] == pull:
                self._forget(entry, digests)
                self._run("DELETE FROM entries WHERE entry = ?", entry)
                return bytes(weight)
        return None

    def finish(self) -> None:
        """End the writing."""
        self._run("COMMIT")
        if self._is_new:
            self._db.executescript(rows.INDEXES)

    def _insert(self, entry: int, depth: int, packed: rows.Packed, weight: bytes | None) -> None:
        self._db.execute(f"{_ENTRY} VALUES (?, ?, ?, ?, ?, ?, ?)", (entry, depth, *packed, weight))

    def _remember(self, entry: int, digests: Iterable[Digest]) -> None:
        pairs = ((rows.key_of(digest), entry) for digest in digests)
        self._db.executemany("INSERT OR IGNORE INTO digests VALUES (?, ?)", pairs)

    def _forget(self, entry: int, digests: bytes) -> None:
        pairs = ((rows.key_of(digest), entry) for digest in chain(*rows.unpack_digests(digests)))
        self._db.executemany("DELETE FROM digests WHERE key = ? AND entry = ?", pairs)

    def _identity(self) -> tuple[int, int]:
        application = self._run("PRAGMA application_id").fetchone()[0]
        return application, self._run("PRAGMA user_version").fetchone()[0]

    def _run(self, statement: str, *values: Any) -> sqlite3.Cursor:
        return self._db.execute(statement, values)


def _all(approval: Approval) -> Iterator[Digest]:
    return chain(approval.digests, approval.chain_ids)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_directory(path.parent)
