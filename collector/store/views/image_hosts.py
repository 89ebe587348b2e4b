"""Reads on which hosts an image ran, tried to, or lies; knows no HTML."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select, union

from collector.model.page_values import Handling, ImageHost, Slice
from collector.model.times import when
from collector.store.paging import pack, sliced, unpack
from collector.store.schema import hosts, inventory, rollups
from collector.store.views import conditions as where


def with_image(connection: Connection, digest: str, after: str, limit: int) -> Slice[ImageHost]:
    """Latest first; `running` and hosts that were never refused it come from inventories."""
    digest = where.sane(digest)
    statement = _page(digest).limit(limit + 1)
    last = unpack(after, int, str)
    if last and where.is_uuid(last[1]):
        key = (_last_at(digest), hosts.c.host_id)
        statement = statement.where(where.pair(key) < where.pair(key, last))
    found = connection.execute(statement).all()
    known = _known(connection, digest, [row.host_id for row in found])
    return sliced(
        found,
        limit,
        lambda row: pack(row.last_at, row.host_id),
        lambda row: ImageHost(
            host_id=row.host_id,
            host_name=row.name,
            reference=known[row.host_id].reference,
            killed=known[row.host_id].counts[Handling.KILLED],
            reported=known[row.host_id].counts[Handling.REPORTED],
            last_seen=when(row.last_at),
            running=known[row.host_id].running,
        ),
    )


@dataclass(slots=True)
class _OnHost:
    reference: str = ""
    running: int = 0
    counts: dict[Handling, int] = field(default_factory=lambda: dict.fromkeys(Handling, 0))


def _page(digest: str) -> Select[Any]:
    h, r, i = hosts.c, rollups.c, inventory.c
    ids = union(
        select(r.host_id).where(r.image == digest), select(i.host_id).where(_lies(digest))
    ).subquery()
    last_at = _last_at(digest)
    return (
        select(h.host_id, h.name, last_at.label("last_at"))
        .where(h.host_id.in_(select(ids.c.host_id)))
        .order_by(last_at.desc(), h.host_id.desc())
    )


def _last_at(digest: str) -> ColumnElement[int]:
    h, r = hosts.c, rollups.c
    refused = select(func.max(r.last_at)).where(r.image == digest, r.host_id == h.host_id)
    return func.coalesce(refused.scalar_subquery(), h.last_seen_at, 0)


def _lies(digest: str) -> ColumnElement[bool]:
    return or_(inventory.c.image == digest, inventory.c.manifest == digest)


def _known(connection: Connection, digest: str, page: list[str]) -> dict[str, _OnHost]:
    """The last name of an image in a refusal counts more than its name in an inventory."""
    r, i = rollups.c, inventory.c
    known = {host_id: _OnHost() for host_id in page}
    lying = select(i.host_id, i.state, i.reference).where(_lies(digest), i.host_id.in_(page))
    for host_id, state, reference in connection.execute(lying):
        known[host_id].running += state == "running"
        known[host_id].reference = reference
    refused = (
        select(r.host_id, r.handling, r.occurrences, r.reference)
        .where(r.image == digest, r.host_id.in_(page))
        .order_by(r.last_at)
    )
    for host_id, handling, occurrences, reference in connection.execute(refused):
        known[host_id].counts[Handling(handling)] += occurrences
        known[host_id].reference = reference or known[host_id].reference
    return known
