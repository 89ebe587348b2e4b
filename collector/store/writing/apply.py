"""What a group of batches does to the database, inside one transaction; knows no HTTP, no threads.

Order: lock the hosts (sorted, so that replicas cannot deadlock), add what is new, follow each
chain, roll up, and set each host's state. Everything or nothing is kept.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, or_, select, update

from collector.model.records import Batch, Drops, Inventory, Record, Result, Row, State
from collector.model.times import SECOND_US
from collector.store.schema import chains, events, hosts
from collector.store.writing import bulk, chain_gaps, rollup, state
from collector.store.writing.chain_check import RESTARTED, Chain, Followed, Gap, follow
from core.hash_chain import START

_SEEN_STEP_US = 5 * SECOND_US  # a host's last sign of life is written at most that often
_CHAIN_TAIL = (
    "ON CONFLICT (host_id, epoch) DO UPDATE SET through = excluded.through, hash = excluded.hash"
)


@dataclass(slots=True)
class _Host:
    """One host's records in this group, and which of them turned out to be new."""

    received_at: int = 0
    records: list[Record] = field(default_factory=list)
    epochs: dict[str, Chain] = field(default_factory=dict)


def apply(connection: Connection, batches: Sequence[Batch]) -> list[Result]:
    """Keep the batches; one result each, in their order. Raises SQLAlchemy's errors."""
    by_host = _by_host(batches)
    _lock(connection, by_host)
    stored = _add(connection, by_host)
    new: set[int] = set()  # ids of the record objects that are not duplicates
    rolled: dict[rollup.Key, rollup.Sum] = {}
    ends: list[tuple[object, ...]] = []
    for host_id, host in by_host.items():
        fresh = _fresh(host_id, host, stored)
        for epoch, records in fresh.items():
            followed = _follow(connection, host_id, host, epoch, records)
            ends.append(
                (host_id, epoch, followed.chain.through, followed.chain.hash, host.received_at)
            )
            late = chain_gaps.settle(connection, host_id, epoch, followed.late, host.received_at)
            kept = [*followed.advanced, *late]
            new.update(map(id, kept))
            rollup.add(rolled, host_id, kept)
            _set_state(connection, host_id, followed)
    _seen(connection, by_host)
    bulk.insert(connection, chains, ends, _CHAIN_TAIL)
    rollup.save(connection, rolled)
    return [_result(batch, new) for batch in batches]


def _by_host(batches: Iterable[Batch]) -> dict[str, _Host]:
    found: dict[str, _Host] = defaultdict(_Host)
    for batch in sorted(batches, key=lambda b: b.host_id):
        host = found[batch.host_id]
        host.received_at = max(host.received_at, batch.received_at)
        host.records += batch.records
    return found


def _lock(connection: Connection, by_host: dict[str, _Host]) -> None:
    ids = list(by_host)
    if connection.dialect.name != "sqlite":  # there the whole database is locked already
        connection.execute(
            select(hosts.c.host_id)
            .where(hosts.c.host_id.in_(ids))
            .order_by(hosts.c.host_id)
            .with_for_update(key_share=True)
        ).all()
    rows = connection.execute(
        select(chains.c.host_id, chains.c.epoch, chains.c.through, chains.c.hash).where(
            chains.c.host_id.in_(ids)
        )
    )
    for host_id, epoch, through, hashed in rows:
        by_host[host_id].epochs[epoch] = Chain(through, hashed)


def _add(connection: Connection, by_host: dict[str, _Host]) -> set[tuple[str, str]]:
    rows = {
        (host_id, record.event_id): (host_id, record.event_id, *_columns(record, host.received_at))
        for host_id, host in by_host.items()
        for record in reversed(host.records)  # the first of two with one id is the one to keep
        if isinstance(record.body, Row | Drops)
    }
    return bulk.insert_new(connection, events, [rows[key] for key in sorted(rows)])


def _columns(record: Record, received_at: int) -> tuple[object, ...]:
    row = record.body.row if isinstance(record.body, Drops) else record.body
    assert isinstance(row, Row)
    return (
        record.at,
        received_at,
        record.epoch,
        record.sequence,
        record.hash,
        row.kind,
        row.severity,
        row.event,
        row.verdict,
        row.scope,
        row.handling,
        row.image,
        row.reference,
        row.container,
        record.count,
        record.data,
    )


def _fresh(host_id: str, host: _Host, stored: set[tuple[str, str]]) -> dict[str, list[Record]]:
    """By epoch: records just stored, and those that are never stored, each once."""
    fresh: dict[str, dict[str, Record]] = defaultdict(dict)
    for record in host.records:
        if isinstance(record.body, State | Inventory) or (host_id, record.event_id) in stored:
            fresh[record.epoch].setdefault(record.event_id, record)
    return {epoch: list(records.values()) for epoch, records in fresh.items()}


def _follow(
    connection: Connection, host_id: str, host: _Host, epoch: str, records: list[Record]
) -> Followed:
    chain = host.epochs.get(epoch)
    followed = follow(chain or Chain(0, START), records)
    proofs = list(followed.gaps)
    if chain is None and host.epochs:
        proofs.append(
            Gap(RESTARTED, 1, followed.chain.through, detail="the spool was replaced by a new one")
        )
    host.epochs[epoch] = followed.chain
    chain_gaps.keep(connection, host_id, epoch, proofs, host.received_at)
    return followed


def _set_state(connection: Connection, host_id: str, followed: Followed) -> None:
    """Only records that advance the chain: an old one that came late says nothing of today."""
    beats = [r for r in followed.advanced if isinstance(r.body, State)]
    if beats:
        state.set_state(connection, host_id, beats[-1])
    for record in followed.advanced:
        if isinstance(record.body, Inventory):
            state.set_inventory(connection, host_id, record.body)
        elif isinstance(record.body, Drops):
            chain_gaps.announce(connection, host_id, record.body)


def _seen(connection: Connection, by_host: dict[str, _Host]) -> None:
    seen, at = hosts.c.last_seen_at, max(host.received_at for host in by_host.values())
    connection.execute(
        update(hosts)
        .where(hosts.c.host_id.in_(list(by_host)))
        .where(or_(seen.is_(None), seen < at - _SEEN_STEP_US))
        .values(last_seen_at=at)
    )


def _result(batch: Batch, new: set[int]) -> Result:
    accepted = sum(id(record) in new for record in batch.records)
    return Result(accepted, len(batch.records) - accepted)
