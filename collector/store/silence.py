"""Announces hosts whose status changed, once however many replicas look; knows no HTTP."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, insert, or_, select, update

from collector.model.times import us, when
from collector.store.database import Database
from collector.store.randomness import random_bytes
from collector.store.schema import alerts, hosts
from collector.store.views import conditions as where
from core.ids import new_id

_AT_ONCE = 500
_LEASE = timedelta(minutes=2)
_LONGEST_PAUSE = timedelta(hours=1)
_MOST_TRIES = 200  # more than a week


@dataclass(frozen=True, slots=True)
class Alert:
    """A host whose status has changed."""

    id: str
    at: datetime
    host_id: str
    name: str
    status: str
    was: str
    reasons: tuple[str, ...]
    tries: int


def check(database: Database, now: datetime, *, announce: bool) -> int:
    """Write down every changed status, and an alert for each if `announce`; returns how many.

    A host that appears for the first time is not an alert.
    """
    h = hosts.c
    stands = where.status_at(now).label("stands")
    with database.write() as connection:
        statement = (
            select(h.host_id, h.name, h.status, h.status_at, h.reasons, stands)
            .where(h.status != stands, h.token_revoked_at.is_(None))
            .limit(_AT_ONCE)
        )
        if not database.is_sqlite:
            statement = statement.with_for_update(skip_locked=True, key_share=True)
        changed = connection.execute(statement).all()
        for row in changed:
            connection.execute(
                update(hosts)
                .where(h.host_id == row.host_id)
                .values(status=row.stands, status_at=us(now))
            )
            new = row.status_at is None and row.stands == "online"
            if announce and not new:
                connection.execute(
                    insert(alerts).values(
                        alert_id=new_id(now, random_bytes()),
                        at=us(now),
                        host_id=row.host_id,
                        name=row.name,
                        status=row.stands,
                        was=row.status if row.status_at is not None else "new",
                        reasons=row.reasons,
                        next_try_at=us(now),
                    )
                )
    return len(changed)


def claim(database: Database, now: datetime, limit: int = 100) -> list[Alert]:
    """Alerts to send now; for two minutes no other replica gets the same."""
    a = alerts.c
    due = and_(a.sent_at.is_(None), a.next_try_at <= us(now), a.tries < _MOST_TRIES)
    with database.write() as connection:
        statement = select(alerts).where(due).order_by(a.alert_id).limit(limit)
        if not database.is_sqlite:
            statement = statement.with_for_update(skip_locked=True)
        rows = connection.execute(statement).all()
        ids = [row.alert_id for row in rows]
        connection.execute(
            update(alerts)
            .where(a.alert_id.in_(ids))
            .values(next_try_at=us(now + _LEASE), tries=a.tries + 1)
        )
    return [
        Alert(
            row.alert_id, when(row.at), row.host_id, row.name, row.status, row.was,
            tuple(json.loads(row.reasons)), row.tries + 1,
        )
        for row in rows
    ]  # fmt: skip


def settle(database: Database, sent: list[Alert], now: datetime, *, well: bool) -> None:
    """Note that they were taken, or when to try again: later each time, at most an hour."""
    a = alerts.c
    with database.write() as connection:
        for alert in sent:
            pause = min(timedelta(seconds=2 ** min(alert.tries + 2, 12)), _LONGEST_PAUSE)
            values = {"sent_at": us(now)} if well else {"next_try_at": us(now + pause)}
            connection.execute(update(alerts).where(a.alert_id == alert.id).values(values))


def pending(database: Database) -> int:
    """How many wait to be sent; for `check`."""
    a = alerts.c
    with database.read() as connection:
        found = connection.execute(
            select(a.alert_id).where(a.sent_at.is_(None), or_(a.tries > 1, a.tries < 0))
        )
        return len(found.all())
