"""Reads violations: sums from the roll-ups, rows from the events; knows no HTML.

Only a search for text goes through the events themselves, as container names are not in the sums.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, Subquery, case, func, select

from collector.model.page_values import (
    FindingFilter,
    FindingRow,
    Handling,
    LevelCount,
    Slice,
    Slot,
    TimelineEntry,
    UnapprovedImage,
)
from collector.model.times import HOUR_US, us, when
from collector.store.paging import pack, sliced, unpack
from collector.store.schema import events, hosts, rollups
from collector.store.views import conditions as where

_PULL = re.compile(r"docker pull (\S+?)\.?(?:\s|$)")


def over_time(
    connection: Connection, criteria: FindingFilter, width: timedelta
) -> tuple[Slot, ...]:
    """Slots of `width` from `criteria.since` to `criteria.until` (both given), none left out."""
    assert criteria.since is not None and criteria.until is not None
    start, step = us(criteria.since), width // timedelta(microseconds=1)
    s = _sums(criteria).c
    slot = ((s.at - start) // step).label("slot")
    found = connection.execute(select(slot, *_handled(s)).group_by(slot))
    counts = {row[0]: (int(row[1]), int(row[2])) for row in found}
    total = -((start - us(criteria.until)) // step)
    return tuple(
        Slot(criteria.since + n * width, width, *counts.get(n, (0, 0))) for n in range(total)
    )


def by_level(connection: Connection, criteria: FindingFilter) -> tuple[LevelCount, ...]:
    """Most violations first."""
    s = _sums(criteria).c
    rows = connection.execute(
        select(s.scope, *_handled(s))
        .group_by(s.scope)
        .order_by(func.sum(s.occurrences).desc(), s.scope)
    )
    return tuple(LevelCount(row[0], int(row[1]), int(row[2])) for row in rows)


def unapproved(
    connection: Connection, criteria: FindingFilter, limit: int
) -> tuple[UnapprovedImage, ...]:
    """Images without approval, those on most hosts first."""
    sums = _sums(criteria)
    s = sums.c
    on = func.count(func.distinct(s.host_id))
    top = connection.execute(
        select(s.image, on, *_handled(s), func.min(s.first_at), func.max(s.last_at))
        .where(s.image != "", s.verdict.not_in(where.PLAINLY_ALLOWED))
        .group_by(s.image)
        .order_by(on.desc(), func.sum(s.occurrences).desc(), s.image)
        .limit(limit)
    ).all()
    latest = _latest(connection, sums, [row[0] for row in top])
    return tuple(
        UnapprovedImage(
            digest=row[0],
            reference=latest[row[0]].reference,
            verdict=latest[row[0]].verdict,
            hosts=row[1],
            killed=int(row[2]),
            reported=int(row[3]),
            first_seen=when(row[4]),
            last_seen=when(row[5]),
            nearest=nearest(latest[row[0]].next_step),
        )
        for row in top
    )


def rows(
    connection: Connection, criteria: FindingFilter, after: str, limit: int
) -> Slice[FindingRow]:
    """Violations, latest first."""
    e = events.c
    statement = (
        select(events, hosts.c.name.label("host_name"))
        .join_from(events, hosts, hosts.c.host_id == e.host_id)
        .where(e.kind == "violation")
        .order_by(e.event_id.desc(), e.host_id.desc())
        .limit(limit + 1)
    )
    statement = _filtered(statement, e, criteria)
    last = unpack(after, str, str)
    if last and all(map(where.is_uuid, last)):
        key = (e.event_id, e.host_id)
        statement = statement.where(where.pair(key) < where.pair(key, last))
    return sliced(
        connection.execute(statement).all(),
        limit,
        lambda row: pack(row.event_id, row.host_id),
        _finding,
    )


def timeline(connection: Connection, host_id: str, after: str, limit: int) -> Slice[TimelineEntry]:
    """What happened on a host, latest first."""
    e = events.c
    statement = (
        select(events).where(where.id_is(e.host_id, host_id))
        .order_by(e.event_id.desc()).limit(limit + 1)
    )  # fmt: skip
    if where.is_uuid(after):
        statement = statement.where(e.event_id < after)
    return sliced(connection.execute(statement).all(), limit, lambda row: str(row.event_id), _entry)


def nearest(next_step: str) -> str:
    """The image to pull instead, out of a finding's advice."""
    found = _PULL.search(next_step)
    return found[1] if found else ""


def _sums(criteria: FindingFilter) -> Subquery:
    """Sums by the hour, or the events where text is searched for: with the same columns."""
    if not criteria.search:
        r = rollups.c
        columns = [r[name] for name in where.SUMMED]
        more = [r.hour.label("at"), r.first_at, r.last_at, r.next_step]
        statement = select(*columns, *more)
        if criteria.since is not None:
            statement = statement.where(r.hour >= us(criteria.since) // HOUR_US * HOUR_US)
        if criteria.until is not None:
            statement = statement.where(r.hour < us(criteria.until))
        return _named(statement, r, criteria).subquery()
    e = events.c
    columns = [e[name] for name in where.SUMMED]
    more = [e.at, e.at.label("first_at"), e.at.label("last_at"), e.reference.label("next_step")]
    statement = select(*columns, *more).where(e.kind == "violation")
    statement = statement.join_from(events, hosts, hosts.c.host_id == e.host_id)
    return _filtered(statement, e, criteria).subquery()


def _filtered(statement: Select[Any], e: Any, criteria: FindingFilter) -> Select[Any]:
    statement = _named(statement, e, criteria)
    if criteria.search:
        statement = statement.where(
            where.containing(criteria.search, e.container, e.reference, hosts.c.name)
        )
    return statement.where(where.ids_between(e.event_id, criteria.since, criteria.until))


def _named(statement: Select[Any], c: Any, criteria: FindingFilter) -> Select[Any]:
    if criteria.host:
        statement = statement.where(where.id_is(c.host_id, criteria.host))
    if criteria.scope:
        statement = statement.where(where.within(c.scope, criteria.scope))
    for column, text in ((c.verdict, criteria.verdict), (c.image, criteria.image)):
        if text:
            statement = statement.where(column == where.sane(text))
    if criteria.handling is not None:
        statement = statement.where(c.handling == str(criteria.handling))
    return statement


def _handled(c: Any) -> list[Any]:
    return [
        func.sum(case((c.handling == str(one), c.occurrences), else_=0))
        for one in (Handling.KILLED, Handling.REPORTED)
    ]


def _latest(connection: Connection, sums: Subquery, images: list[str]) -> dict[str, Row[Any]]:
    """The last name, verdict and advice of each image."""
    s = sums.c
    place = func.row_number().over(partition_by=s.image, order_by=s.last_at.desc()).label("place")
    ranked = (
        select(s.image, s.reference, s.verdict, s.next_step, place)
        .where(s.image.in_(images))
        .subquery()
    )
    found = connection.execute(select(ranked).where(ranked.c.place == 1))
    return {row.image: row for row in found}


def _finding(row: Row[Any]) -> FindingRow:
    data = msgspec.json.decode(row.data)
    container = data["container"] or {}
    decision = data["decision"] or {}
    outcome = data["outcome"] or {}
    labels: Mapping[str, str] = container.get("labels", {})
    return FindingRow(
        event_id=row.event_id,
        at=when(row.at),
        host_id=row.host_id,
        host_name=row.host_name,
        severity=row.severity,
        summary=data["summary"],
        container=row.container,
        reference=row.reference,
        digest=row.image,
        verdict=row.verdict,
        reason=decision.get("reason", ""),
        scope=row.scope,
        handling=Handling(row.handling),
        action=outcome.get("action", ""),
        enforcement_point=outcome.get("enforcement_point", ""),
        ran_ms=outcome.get("ran_ms"),
        error=outcome.get("error", ""),
        next_step=data["next_step"],
        nearest=nearest(data["next_step"]),
        occurrences=row.occurrences,
        labels=labels,
    )


def _entry(row: Row[Any]) -> TimelineEntry:
    data = msgspec.json.decode(row.data)
    if row.kind == "drops":
        summary = f"the host lost {data['count']} records: {row.reference}"
    else:
        summary = data["summary"]
    return TimelineEntry(
        event_id=row.event_id,
        at=when(row.at),
        kind=row.kind,
        severity=row.severity,
        event=row.event,
        summary=summary,
    )
