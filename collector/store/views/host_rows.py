"""Reads hosts: the list, and one in detail; knows no HTML."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select

from collector.model.page_values import (
    Gap,
    HostDetail,
    HostFilter,
    HostRow,
    HostStatus,
    Layer,
    Slice,
)
from collector.model.times import when, when_or_none
from collector.store.paging import pack, sliced, unpack
from collector.store.schema import gaps, hosts, rollups
from collector.store.views import conditions as where
from collector.store.views.figures import figures
from collector.store.views.fleet_summary import recent

_MOST_GAPS = 200
_MOST_TWINS = 10


def rows(
    connection: Connection, criteria: HostFilter, now: datetime, after: str, limit: int
) -> Slice[HostRow]:
    """Hosts, those in trouble first, then by name."""
    h = hosts.c
    status = where.status_at(now)
    key = (where.trouble(status), h.name, h.host_id)
    columns = (hosts, status.label("stands"), key[0].label("trouble"))
    statement = select(*columns).order_by(*key).limit(limit + 1)
    if criteria.status is not None:
        statement = statement.where(status == str(criteria.status))
    if criteria.scope:
        statement = statement.where(where.within(h.scope, criteria.scope))
    if criteria.search:
        statement = statement.where(where.containing(criteria.search, h.name, h.host_id))
    last = unpack(after, int, str, str)
    if last and where.is_uuid(last[2]):
        statement = statement.where(where.pair(key) > where.pair(key, last))
    found = connection.execute(statement).all()
    counts = _violations(connection, [row.host_id for row in found], now)
    return sliced(
        found,
        limit,
        lambda row: pack(row.trouble, row.name, row.host_id),
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
    return ("it has not reported for longer than its interval plus 60 s", *said)


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
