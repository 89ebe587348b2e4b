"""Keeps proofs of gaps and edits, and settles what came late; knows no rules of the chain."""

from collections.abc import Sequence

from sqlalchemy import Connection, and_, delete, func, not_, or_, select, update

from collector.model.records import Drops, Record, Row
from collector.model.times import when
from collector.store.randomness import random_bytes
from collector.store.schema import gaps, hosts
from collector.store.writing import bulk
from collector.store.writing.chain_check import MISSING, UNEXPLAINED, Gap, covered, fill, repeated
from core.ids import new_id

ANNOUNCED = "announced: "
_MOST_ANNOUNCED = 10_000  # gaps looked at for one drops record


def keep(
    connection: Connection, host_id: str, epoch: str, proofs: Sequence[Gap], noticed_at: int
) -> None:
    """Add proofs, and count them at the host."""
    if not proofs:
        return
    rows = [
        (
            new_id(when(noticed_at), random_bytes()),
            host_id,
            epoch,
            proof.kind,
            proof.first,
            proof.last,
            proof.before_hash,
            proof.after_prevhash,
            noticed_at,
            proof.detail,
        )
        for proof in proofs
    ]
    bulk.insert(connection, gaps, rows, "")
    _count(connection, host_id)


def settle(
    connection: Connection, host_id: str, epoch: str, late: Sequence[Record], noticed_at: int
) -> list[Record]:
    """Records at or below the chain's end: each fills its gap, or is proof of a second history.

    Returns those that are no duplicates: of what is never stored (heartbeats), only what fills one.
    """
    if not late:
        return []
    open_gaps = _open(connection, host_id, epoch, late[0].sequence, late[-1].sequence)
    closed: list[str] = []
    proofs: list[Gap] = []
    kept: list[Record] = []
    for record in late:
        gap = next((g for g in open_gaps if g[1].first <= record.sequence <= g[1].last), None)
        if gap is None:
            if isinstance(record.body, Row | Drops):
                proofs.append(repeated(record))
                kept.append(record)
            continue
        rest, found = fill(gap[1], record)
        open_gaps.remove(gap)
        closed += [gap[0]] if gap[0] else []
        open_gaps += [("", part) for part in rest]
        proofs += found
        kept.append(record)
    bulk.forget(connection, gaps, "gap_id", closed)
    proofs += [gap for gap_id, gap in open_gaps if not gap_id]
    keep(connection, host_id, epoch, proofs, noticed_at)
    if closed:
        _count(connection, host_id)
    return kept


def announce(connection: Connection, host_id: str, drops: Drops) -> None:
    """Mark the gaps that the host has reported itself."""
    if not drops.ranges:
        return
    first, last = min(r[0] for r in drops.ranges), max(r[1] for r in drops.ranges)
    announced = [
        gap_id
        for gap_id, gap in _open(connection, host_id, drops.epoch, first, last)
        if covered(gap, drops.ranges)
    ]
    if announced:
        connection.execute(
            update(gaps).where(gaps.c.gap_id.in_(announced)).values(detail=ANNOUNCED + drops.reason)
        )
        _count(connection, host_id)


def forget_before(connection: Connection, noticed_at: int) -> int:
    """Delete proofs older than that; returns how many."""
    touched = list(
        connection.execute(
            select(gaps.c.host_id).where(gaps.c.noticed_at < noticed_at).distinct()
        ).scalars()
    )
    deleted = connection.execute(delete(gaps).where(gaps.c.noticed_at < noticed_at)).rowcount
    for host_id in touched:
        _count(connection, host_id)
    return deleted


def _open(
    connection: Connection, host_id: str, epoch: str, first: int, last: int
) -> list[tuple[str, Gap]]:
    g = gaps.c
    rows = connection.execute(
        select(g.gap_id, g.first, g.last, g.before_hash, g.after_prevhash, g.detail)
        .where(g.host_id == host_id, g.epoch == epoch, g.kind == MISSING)
        .where(g.first <= last, g.last >= first)
        .order_by(g.first)
        .limit(_MOST_ANNOUNCED)
    )
    return [(row[0], Gap(MISSING, *row[1:])) for row in rows]


def _count(connection: Connection, host_id: str) -> None:
    """How many proofs at the host nobody has explained."""
    announced = and_(gaps.c.kind == MISSING, gaps.c.detail.startswith(ANNOUNCED))
    count = (
        select(func.count())
        .select_from(gaps)
        .where(gaps.c.host_id == host_id, or_(*(gaps.c.kind == kind for kind in UNEXPLAINED)))
        .where(not_(announced))
        .scalar_subquery()
    )
    connection.execute(update(hosts).where(hosts.c.host_id == host_id).values(gaps=count))
