"""Proves gaps and edits from a host's hash chain; pure, knows no database.

Rules: docs/internals/reporting.md, "The hash chain".
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from collector.model.records import Record
from core.hash_chain import START

MISSING = "missing"
EDITED = "edited"
REPEATED = "repeated"
RESTARTED = "restarted"
UNEXPLAINED = (MISSING, EDITED, REPEATED)


@dataclass(frozen=True, slots=True)
class Chain:
    """How far an epoch has come: the highest sequence seen, and that record's hash."""

    through: int = 0
    hash: str = START


@dataclass(frozen=True, slots=True)
class Gap:
    """A proof. `first` and `last` are sequences, inclusive. For `MISSING`, `before_hash` is the
    hash of the record before the range and `after_prevhash` what the one after it demands."""

    kind: str
    first: int
    last: int
    before_hash: str = ""
    after_prevhash: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Followed:
    """The outcome of following: the chain's new end, proofs, and what came late."""

    chain: Chain
    gaps: tuple[Gap, ...]
    advanced: tuple[Record, ...]
    late: tuple[Record, ...]


def follow(chain: Chain, records: Iterable[Record]) -> Followed:
    """Go through records of one epoch, in any order, none of which is stored yet."""
    gaps: list[Gap] = []
    advanced: list[Record] = []
    late: list[Record] = []
    for record in sorted(records, key=lambda r: r.sequence):
        sequence = record.sequence
        if sequence <= chain.through:
            late.append(record)
            continue
        if not record.intact:
            gaps.append(_edited(sequence, "the record does not fit its hash"))
        if sequence > chain.through + 1:
            gaps.append(Gap(MISSING, chain.through + 1, sequence - 1, chain.hash, record.prevhash))
        elif record.prevhash != chain.hash:
            gaps.append(_edited(sequence, "it does not follow the record before it"))
        chain = Chain(sequence, record.hash)
        advanced.append(record)
    return Followed(chain, tuple(gaps), tuple(advanced), tuple(late))


def fill(gap: Gap, record: Record) -> tuple[tuple[Gap, ...], tuple[Gap, ...]]:
    """A missing record that came after all: what is left of its gap, and what it proves."""
    proofs = [] if record.intact else [_edited(record.sequence, "the record does not fit its hash")]
    left = replace(gap, last=record.sequence - 1, after_prevhash=record.prevhash)
    right = replace(gap, first=record.sequence + 1, before_hash=record.hash)
    if record.sequence == gap.first and gap.before_hash and record.prevhash != gap.before_hash:
        proofs.append(_edited(record.sequence, "it does not follow the record before it"))
    if record.sequence == gap.last and gap.after_prevhash and record.hash != gap.after_prevhash:
        proofs.append(_edited(record.sequence, "the record after it does not follow it"))
    rest = tuple(part for part in (left, right) if part.first <= part.last)
    return rest, tuple(proofs)


def repeated(record: Record) -> Gap:
    """Another record under a sequence that is taken."""
    return Gap(REPEATED, record.sequence, record.sequence, detail=f"again, as {record.event_id}")


def covered(gap: Gap, ranges: Iterable[tuple[int, int]]) -> bool:
    """Whether announced ranges (inclusive) hold all of the gap."""
    at = gap.first
    for first, last in sorted(ranges):
        if first > at:
            return False
        at = max(at, last + 1)
        if at > gap.last:
            return True
    return False


def _edited(sequence: int, detail: str) -> Gap:
    return Gap(EDITED, sequence, sequence, detail=detail)
