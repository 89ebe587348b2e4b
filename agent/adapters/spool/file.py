"""Opens the spool's file; a damaged one is set aside and replaced; knows no records."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from agent.helpers.uplink import spool_table
from agent.log import get_logger
from core.durable import make_directory, sync_directory

log = get_logger(__name__)

KEPT_ASIDE = 2  # damaged files that stay for a look; older ones go
_PARTS = ("", "-wal", "-shm")


def open_spool(path: Path, new_epoch: Callable[[], str]) -> tuple[sqlite3.Connection, str]:
    """The open file, and where a damaged one was set aside ("" if it was fine).

    Raises `sqlite3.Error` or `OSError` where another file would not help (full disk, permissions).
    """
    make_directory(path.parent)
    aside = ""
    try:
        connection = _open(path)
    except sqlite3.DatabaseError as error:
        if not spool_table.damaged(error):
            raise
        aside = set_aside(path, str(error))
        connection = _open(path)
    if not spool_table.get(connection, "epoch"):
        spool_table.put(connection, "epoch", new_epoch())
    return connection, aside


def set_aside(path: Path, why: str) -> str:
    """Rename the file and what belongs to it; returns the new name."""
    number = 1
    while path.with_name(f"{path.name}.damaged-{number}").exists():
        number += 1
    name = path.with_name(f"{path.name}.damaged-{number}")
    for part in _PARTS:
        with suppress(FileNotFoundError):
            Path(f"{path}{part}").rename(f"{name}{part}")
    log.error("spool.set_aside", file=str(name), error=why)
    for old in range(1, number - KEPT_ASIDE + 1):
        for part in _PARTS:
            Path(f"{path}.damaged-{old}{part}").unlink(missing_ok=True)
    sync_directory(path.parent)
    return str(name)


def _open(path: Path) -> sqlite3.Connection:
    made = not path.exists()
    if made:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        sync_directory(path.parent)
    connection = spool_table.connect(path, create=True)
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if version != spool_table.SCHEMA or found != "ok":
            error = sqlite3.DatabaseError(f"schema {version}, check: {found}")
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error
    except sqlite3.Error:
        connection.close()
        raise
    return connection
