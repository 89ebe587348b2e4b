"""Deletes what is older than it has to be kept; knows no clock."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, or_

from collector.model.times import first_id, us
from collector.store import partitions
from collector.store.database import Database
from collector.store.schema import alerts, audit, rollups, secrets, sessions
from collector.store.writing import chain_gaps

_AT_ONCE = 5000  # rows of one SQLite transaction: reports are not kept waiting for long


@dataclass(frozen=True, slots=True)
class Retention:
    """Days for which each is kept."""

    events_days: int = 90
    rollups_days: int = 400
    audit_days: int = 1100


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was deleted: rows, and the names of partitions that were dropped."""

    events: int
    rollups: int
    gaps: int
    audit: int
    partitions: tuple[str, ...]


def prune(database: Database, retention: Retention, now: datetime) -> Pruned:
    """Delete it; another replica doing the same does no harm. Raises `StoreUnavailable`."""
    limit = now - timedelta(days=retention.events_days)
    dropped: list[str] = []
    if not database.is_sqlite:
        with database.write() as connection:
            dropped = partitions.drop_before(connection, limit)
    gone = _delete_events(database, first_id(us(limit)))
    with database.write() as connection:
        oldest = us(now - timedelta(days=retention.rollups_days))
        sums = connection.execute(delete(rollups).where(rollups.c.hour < oldest)).rowcount
        proofs = chain_gaps.forget_before(connection, us(limit))
        oldest = us(now - timedelta(days=retention.audit_days))
        entries = connection.execute(delete(audit).where(audit.c.at < oldest)).rowcount
        connection.execute(delete(sessions).where(sessions.c.expires_at < us(now)))
        connection.execute(delete(alerts).where(alerts.c.at < us(limit)))
        connection.execute(
            delete(secrets).where(
                or_(secrets.c.expires_at < us(limit), secrets.c.revoked_at < us(limit))
            )
        )
    return Pruned(gone, sums, proofs, entries, tuple(dropped))


def _delete_events(database: Database, before: str) -> int:
    """In PostgreSQL only what lies in the default partition is left to be deleted."""
    table = "events" if database.is_sqlite else "events_other"
    mark = "?" if database.is_sqlite else "%s"
    row = "rowid" if database.is_sqlite else "ctid"
    statement = (
        f"DELETE FROM {table} WHERE {row} IN"
        f" (SELECT {row} FROM {table} WHERE event_id < {mark} LIMIT {_AT_ONCE})"
    )
    gone = 0
    while True:
        with database.write() as connection:
            count = connection.exec_driver_sql(statement, (before,)).rowcount
        gone += count
        if count < _AT_ONCE:
            return gone
