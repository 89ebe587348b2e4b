"""The connection to SQLite or PostgreSQL, chosen by one URL; knows no tables.

SQLite runs with a write-ahead log and `synchronous=FULL`, so that a commit survives a power cut.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    InterfaceError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from collector.collector_errors import Refused, StoreUnavailable

BUSY_SECONDS = 30.0  # how long one SQLite writer waits for another's transaction
_WRITES = "dockwarden_writes"


@dataclass(frozen=True, slots=True)
class Database:
    """A pool of connections, safe to share between threads but not over a fork."""

    engine: Engine
    url: str

    @classmethod
    def open(cls, url: str, *, connections: int = 5) -> "Database":
        """`sqlite:////absolute/path` or `postgresql://user@host/name`; connects when first used.

        Raises `Refused` if the URL is neither.
        """
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise Refused("database.url is not a URL", hint=_EXAMPLES) from error
        backend = parsed.get_backend_name()
        if backend == "sqlite" and parsed.database and parsed.database != ":memory:":
            return cls(_sqlite(parsed.database, connections), url)
        if backend == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
            engine = create_engine(
                parsed,
                pool_size=connections,
                max_overflow=0,
                pool_pre_ping=True,
                isolation_level="READ COMMITTED",
            )
            return cls(engine, url)
        raise Refused("database.url names no supported database", hint=_EXAMPLES)

    @property
    def is_sqlite(self) -> bool:
        """Whether it is the embedded one."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One connection whose statements see one snapshot (SQLite) or each the latest commit.

        Raises `StoreUnavailable`.
        """
        with _told(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, committed at the end and rolled back on any error.

        Raises `StoreUnavailable`; then nothing was changed, unless the commit itself failed.
        """
        with _told(), self.engine.connect() as connection:
            connection.execution_options(**{_WRITES: True})
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Drop all idle connections."""
        self.engine.dispose()


_EXAMPLES = (
    "write sqlite:////var/lib/dockwarden-collector/collector.db"
    " or postgresql://dockwarden@db.acme.test/dockwarden"
)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        text = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
        raise StoreUnavailable(
            f"the database does not answer: {text}",
            hint="check database.url, that the server runs and that its disk is not full",
        ) from error
    except DatabaseError as error:
        if type(error) is not DatabaseError:
            raise
        raise StoreUnavailable(
            f"the database is damaged, or it is none: {error.orig}",
            hint="restore it from a backup, or let database.url name another file",
        ) from error


def _sqlite(path: str, connections: int) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        pool_size=connections,
        max_overflow=0,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: Any) -> None:
        prepare_sqlite(connection)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # The driver's own way of opening transactions is late: a read would turn into a write and
        # then fail at once instead of waiting (sqlite.org/lang_transaction.html, section 2.2).
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def prepare_sqlite(connection: sqlite3.Connection) -> None:
    """Make every commit durable; the caller opens transactions itself afterwards."""
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "temp_store=MEMORY",
        "cache_size=-65536",  # KiB
        "mmap_size=0",  # a failing disk should be an error, not a SIGBUS
    ):
        connection.execute(f"PRAGMA {pragma}")
