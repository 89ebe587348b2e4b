"""Reads hosts: the list, one in detail, and those with an image; knows no HTML."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select, tuple_, union

from collector.store import conditions as where
from collector.store.figures import figures
from collector.store.fleet_summary import recent
from collector.store.paging import pack, sliced, unpack
from collector.store.schema import gaps, hosts, inventory, rollups
from collector.times import when, when_or_none
from collector.web.values import (
    Gap,
    Handling,
    HostDetail,
    HostFilter,
    HostRow,
    HostStatus,
    ImageHost,
    Layer,
    Slice,
)

_MOST_GAPS = 200
_MOST_TWINS = 10


def rows(
    connection: Connection, wanted: HostFilter, now: datetime, after: str, limit: int
) -> Slice[HostRow]:
    """Hosts by name."""
    h = hosts.c
    status = where.status_at(now)
    statement = select(hosts, status.label("stands")).order_by(h.name, h.host_id).limit(limit + 1)
    if wanted.status is not None:
        statement = statement.where(status == str(wanted.status))
    if wanted.scope:
        statement = statement.where(where.within(h.scope, wanted.scope))
    if wanted.search:
        statement = statement.where(where.containing(wanted.search, h.name, h.host_id))
    last = unpack(after, str, str)
    if last and where.is_uuid(last[1]):
        statement = statement.where(tuple_(h.name, h.host_id) > tuple_(*last))
    found = connection.execute(statement).all()
    counts = _violations(connection, [row.host_id for row in found], now)
    return sliced(
        found,
        limit,
        lambda row: pack(row.name, row.host_id),
        lambda row: _row(row, counts.get(row.host_id, 0)),
    )


def detail(connection: Connection, host_id: str, now: datetime) -> HostDetail | None:
    """One host, or None."""
    row = connection.execute(
        select(hosts, where.status_at(now).label("stands")).where(
            where.id_is(hosts.c.host_id, host_id)
        )
    ).one_or_none()
    if row is None:
        return None
    count = _violations(connection, [host_id], now).get(host_id, 0)
    more = _twins(connection, row)
    proofs = connection.execute(
        select(gaps)
        .where(gaps.c.host_id == host_id)
        .order_by(gaps.c.noticed_at.desc(), gaps.c.first.desc())
        .limit(_MOST_GAPS)
    )
    return HostDetail(
        row=_row(row, count, more),
        enrolled_at=when(row.enrolled_at),
        token_revoked_at=when_or_none(row.token_revoked_at),
        engine_version=row.engine_version,
        system=row.system,
        layers=tuple(Layer(y["name"], y["state"], y["detail"]) for y in json.loads(row.layers)),
        gaps=tuple(Gap(g.kind, g.first, g.last, when(g.noticed_at), g.detail) for g in proofs),
        spool_depth=row.spool_records,
        dropped_records=row.dropped,
        figures=figures(json.loads(row.figures)),
    )


def with_image(connection: Connection, digest: str, after: str, limit: int) -> Slice[ImageHost]:
    """The hosts on which the image ran, tried to, or lies by their last inventory."""
    digest = where.sane(digest)
    h, r, i = hosts.c, rollups.c, inventory.c
    is_it = or_(i.image == digest, i.manifest == digest)
    ids = union(
        select(r.host_id).where(r.image == digest), select(i.host_id).where(is_it)
    ).subquery()
    last_at = func.coalesce(
        select(func.max(r.last_at))
        .where(r.image == digest, r.host_id == h.host_id)
        .scalar_subquery(),
        h.last_seen_at,
        0,
    )
    statement = (
        select(h.host_id, h.name, last_at.label("last_at"))
        .where(h.host_id.in_(select(ids.c.host_id)))
        .order_by(last_at.desc(), h.host_id.desc())
        .limit(limit + 1)
    )
    last = unpack(after, int, str)
    if last and where.is_uuid(last[1]):
        statement = statement.where(tuple_(last_at, h.host_id) < tuple_(*last))
    found = connection.execute(statement).all()
    page = [row.host_id for row in found]
    handled = {
        (row.host_id, row.handling): int(row[2])
        for row in connection.execute(
            select(r.host_id, r.handling, func.sum(r.occurrences))
            .where(r.image == digest, r.host_id.in_(page))
            .group_by(r.host_id, r.handling)
        )
    }
    running: dict[str, int] = {}
    names: dict[str, str] = {}
    for row in connection.execute(
        select(i.host_id, i.item, i.state, i.reference).where(is_it, i.host_id.in_(page))
    ):
        names.setdefault(row.host_id, row.reference)
        if row.state == "running":
            running[row.host_id] = running.get(row.host_id, 0) + 1
    for row in connection.execute(
        select(r.host_id, r.reference)
        .where(r.image == digest, r.host_id.in_(page), r.reference != "")
        .order_by(r.last_at)
    ):
        names[row.host_id] = row.reference
    return sliced(
        found,
        limit,
        lambda row: pack(row.last_at, row.host_id),
        lambda row: ImageHost(
            host_id=row.host_id,
            host_name=row.name,
            reference=names.get(row.host_id, ""),
            killed=handled.get((row.host_id, str(Handling.KILLED)), 0),
            reported=handled.get((row.host_id, str(Handling.REPORTED)), 0),
            last_seen=when(row.last_at),
            running=running.get(row.host_id, 0),
        ),
    )


def _row(row: Row[Any], violations: int, more: tuple[str, ...] = ()) -> HostRow:
    return HostRow(
        id=row.host_id,
        name=row.name,
        scope=row.scope,
        status=HostStatus(row.stands),
        reasons=_reasons(row) + more,
        mode=row.mode,
        agent_version=row.agent_version,
        list_sequence=row.list_sequence,
        list_expires=when_or_none(row.list_expires_at),
        last_seen=when_or_none(row.last_seen_at),
        violations=violations,
    )


def _reasons(row: Row[Any]) -> tuple[str, ...]:
    """Of a silent host: that, and what it said last."""
    said = tuple(json.loads(row.reasons))
    if row.token_revoked_at is not None:
        return ("its token was revoked: it cannot report", *said)
    if row.stands not in (HostStatus.OFFLINE, HostStatus.MISSING):
        return said
    if row.heartbeat_at is None:
        return ("it was enrolled but has not sent a heartbeat",)
    return ("nothing was heard from it for longer than its interval and 60 s", *said)


def _twins(connection: Connection, row: Row[Any]) -> tuple[str, ...]:
    if not row.machine_id:
        return ()
    h = hosts.c
    found = connection.execute(
        select(h.host_id, h.name)
        .where(h.machine_id == row.machine_id, h.host_id != row.host_id)
        .order_by(h.host_id.desc())
        .limit(_MOST_TWINS)
    )
    return tuple(f"{twin.name} ({twin.host_id}) has the same machine id" for twin in found)


def _violations(connection: Connection, ids: list[str], now: datetime) -> dict[str, int]:
    r = rollups.c
    found = connection.execute(
        select(r.host_id, func.sum(r.occurrences))
        .where(r.host_id.in_(ids), r.hour >= recent(now))
        .group_by(r.host_id)
    )
    return {row[0]: int(row[1]) for row in found}
