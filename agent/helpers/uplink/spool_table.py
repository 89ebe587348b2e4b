"""The spool's file: its tables and how it is opened; knows neither findings nor HTTP.

One file is one epoch of the hash chain. The daemon writes records and the uplink's process takes
those away that were acknowledged, so both count through triggers.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCHEMA = 1  # PRAGMA user_version
OVERHEAD = 420  # bytes that a record takes beside its data: its attributes, its row, its index
BUSY_SECONDS = 10.0

_TABLES = f"""
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE records(
    sequence INTEGER PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, time TEXT NOT NULL,
    count INTEGER NOT NULL, prevhash TEXT NOT NULL, hash TEXT NOT NULL,
    urgent INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX by_lane ON records(urgent, sequence);
CREATE TABLE totals(urgent INTEGER PRIMARY KEY, records INTEGER, bytes INTEGER);
INSERT INTO totals VALUES (0, 0, 0), (1, 0, 0);
CREATE TRIGGER record_in AFTER INSERT ON records BEGIN
    UPDATE totals SET records = records + 1, bytes = bytes + length(new.data) + {OVERHEAD}
    WHERE urgent = new.urgent; END;
CREATE TRIGGER record_out AFTER DELETE ON records BEGIN
    UPDATE totals SET records = records - 1, bytes = bytes - length(old.data) - {OVERHEAD}
    WHERE urgent = old.urgent; END;
CREATE TABLE held(
    key TEXT PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, time TEXT NOT NULL,
    count INTEGER NOT NULL, data BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE held_bytes(bytes INTEGER);
INSERT INTO held_bytes VALUES (0);
CREATE TRIGGER held_in AFTER INSERT ON held BEGIN
    UPDATE held_bytes SET bytes = bytes + length(new.data); END;
CREATE TRIGGER held_on AFTER UPDATE ON held BEGIN
    UPDATE held_bytes SET bytes = bytes + length(new.data) - length(old.data); END;
CREATE TRIGGER held_out AFTER DELETE ON held BEGIN
    UPDATE held_bytes SET bytes = bytes - length(old.data); END;
CREATE TABLE drops(type TEXT PRIMARY KEY, count INTEGER, bytes INTEGER) WITHOUT ROWID;
CREATE TABLE drop_ranges(first INTEGER PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE quarantine(
    sequence INTEGER PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, time TEXT NOT NULL,
    reason TEXT NOT NULL, told INTEGER NOT NULL DEFAULT 0, data BLOB NOT NULL);
PRAGMA user_version = {SCHEMA};
"""


def connect(path: str | Path, *, create: bool = False) -> sqlite3.Connection:
    """The open file, in autocommit mode; usable from any thread, one at a time.

    Durable at each commit (`synchronous=FULL`). Raises `sqlite3.Error`; a file that is missing is
    made only if `create`.
    """
    mode = "rwc" if create else "rw"
    connection = sqlite3.connect(
        f"{Path(path).absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before there is any table
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -1024")  # KiB
        connection.execute("PRAGMA journal_size_limit = 4194304")
        if create and connection.execute("PRAGMA user_version").fetchone()[0] == 0:
            connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT;")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def damaged(error: sqlite3.Error) -> bool:
    """Whether the file itself is broken, and waiting or freeing space would not help."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def get(connection: sqlite3.Connection, key: str, default: str = "") -> str:
    """A text of `meta`."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return str(row[0]) if row else default


def put(connection: sqlite3.Connection, key: str, value: str) -> None:
    """Set a text of `meta`."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing, durable at its end."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
