"""The daily partitions of events in PostgreSQL, by the time within their ids; knows no rows.

Ids of other days (a host whose clock is wrong) are kept in the partition `events_other`.
"""

import re
from datetime import datetime, timedelta

from sqlalchemy import Connection

from collector.model.times import first_id, us
from collector.store.database import Database

AHEAD = 14  # days; `serve` makes more each hour
_NAME = re.compile(r"events_(\d{8})")
_DAY = timedelta(days=1)


def ensure(database: Database, now: datetime, *, ahead: int = AHEAD) -> list[str]:
    """Make the partitions from yesterday to `ahead` days from now; returns the new ones."""
    if database.is_sqlite:
        return []
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    made = []
    with database.write() as connection:
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        there = set(existing(connection))
        for offset in range(-1, ahead + 1):
            day = today + offset * _DAY
            name = f"events_{day:%Y%m%d}"
            if name not in there:
                _make(connection, name, day)
                made.append(name)
    return made


_LOCK = 0x646F636B70617274  # "dockpart"


def existing(connection: Connection) -> list[str]:
    """The names of the daily partitions, oldest first."""
    rows = connection.exec_driver_sql(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'events'::regclass ORDER BY 1"
    )
    return [row[0] for row in rows if _NAME.fullmatch(row[0])]


def drop_before(connection: Connection, limit: datetime) -> list[str]:
    """Drop the partitions whose whole day lies before `limit`; returns their names."""
    last = f"events_{limit:%Y%m%d}"
    old = [name for name in existing(connection) if name < last]
    for name in old:
        connection.exec_driver_sql(f"DROP TABLE {name}")
    return old


def _make(connection: Connection, name: str, day: datetime) -> None:
    """As a table of its own that takes over what `events_other` has of that day, then attached:
    a partition cannot be made while the default one holds rows that belong into it."""
    first, after = first_id(us(day)), first_id(us(day + _DAY))
    connection.exec_driver_sql(f"CREATE TABLE {name} (LIKE events INCLUDING ALL)")
    connection.exec_driver_sql(
        f"WITH moved AS (DELETE FROM events_other WHERE event_id >= %s AND event_id < %s"
        f" RETURNING *) INSERT INTO {name} SELECT * FROM moved",
        (first, after),
    )
    connection.exec_driver_sql(
        f"ALTER TABLE events ATTACH PARTITION {name} FOR VALUES FROM ('{first}') TO ('{after}')"
    )
