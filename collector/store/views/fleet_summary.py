"""The fleet in one glance; knows no HTML."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, case, func, select

from collector.model.page_values import FleetSummary, Handling, HostStatus
from collector.model.times import HOUR_US, us
from collector.store.schema import hosts, rollups
from collector.store.views import conditions as where

RECENT = timedelta(hours=24)


def summary(connection: Connection, now: datetime) -> FleetSummary:
    """Hosts whose token was revoked are left out: they are meant to be silent."""
    h, r = hosts.c, rollups.c
    status = where.status_at(now).label("status")
    by_status = connection.execute(
        select(
            status,
            func.count(),
            _count(h.mode == "enforce"),
            _count(h.mode == "observe"),
            _count(h.drifted > 0),
            _count(h.list_expires_at < us(now)),
            _count(h.gaps > 0),
            func.coalesce(func.sum(h.dropped), 0),
        )
        .where(h.token_revoked_at.is_(None))
        .group_by(status)
    ).all()
    handled = [
        func.coalesce(func.sum(case((r.handling == str(one), r.occurrences), else_=0)), 0)
        for one in (Handling.KILLED, Handling.REPORTED)
    ]
    unlisted = case((r.verdict.not_in(where.PLAINLY_ALLOWED) & (r.image != ""), r.image))
    found = connection.execute(
        select(*handled, func.count(func.distinct(unlisted))).where(r.hour >= recent(now))
    ).one()
    counted = {HostStatus(row[0]): int(row[1]) for row in by_status}
    enforcing, observing, drifted, stale, gaps, dropped = (
        sum(int(row[n]) for row in by_status) for n in range(2, 8)
    )
    return FleetSummary(
        hosts={one: counted.get(one, 0) for one in HostStatus},
        enforcing=enforcing,
        observing=observing,
        killed=int(found[0]),
        reported=int(found[1]),
        unapproved_images=found[2],
        drifted_hosts=drifted,
        stale_lists=stale,
        hosts_with_gaps=gaps,
        dropped_records=dropped,
    )


def recent(now: datetime) -> int:
    """The first hour that still counts as the last 24 hours."""
    return us(now - RECENT) // HOUR_US * HOUR_US


def _count(condition: Any) -> Any:
    return func.sum(case((condition, 1), else_=0))
