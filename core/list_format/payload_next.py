"""The next list of a scope: what a change adds to the blobs that hosts have; knows no files.

A short list holds its approvals itself. A long one has a base cut into parts by ranges of ids, so
that a new base shares most of its parts with the one before, and deltas, each with the last word on
every approval that changed in its span: a host at any sequence of the span may apply it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from typing import Final, Protocol

from core.image.digest import Digest
from core.list_format.payload import (
    DOCUMENT_LIMIT,
    EMPTY_STATE,
    INLINE_LIMIT,
    Blob,
    Drop,
    Part,
    ScopeList,
    SignedApproval,
    Trail,
)
from core.list_format.payload_pack import pack
from core.list_format.payload_read import content_of, read_base, read_delta, read_part, read_trail
from core.list_format.payload_write import (
    added,
    approval_line,
    base_of,
    blob_of,
    delta_lines,
    write_list,
)

INLINE_BYTES: Final = DOCUMENT_LIMIT // 4  # every host fetches all of it at each change
DELTAS: Final = 8  # that a trail names; more are merged
DELTAS_SHARE: Final = 5  # a new base once the deltas outgrow this fraction of it
_PART_APPROVALS: Final = 4_096  # in a part, at most, on the average; some 2 MB compressed


class Blobs(Protocol):
    """Where the repository's blobs are kept."""

    def put(self, sha256: str, data: bytes) -> None:
        """Keep a blob; one that is there stays."""
        ...

    def get(self, sha256: str) -> bytes:
        """The compressed bytes of one that was kept."""
        ...


def next_list(
    draft: ScopeList,
    previous: ScopeList | None,
    before: Iterable[SignedApproval],
    blobs: Blobs,
    *,
    inline_bytes: int = INLINE_BYTES,
) -> ScopeList:
    """The list to publish: `draft` with its sequence, count, state, base and deltas.

    `draft.approvals` are all of the new list, `before` all that `previous` held (`approvals_of`);
    everything else of the draft is taken as it is. `inline_bytes` is how long a list may be that
    holds its approvals itself. If nothing changed but the time, `previous` is
    returned. Raises what `blobs` raises.
    """
    lines = {approval.id: approval_line(approval) for approval in draft.approvals}
    state = added(EMPTY_STATE, lines.values())
    sequence = previous.sequence + 1 if previous else 1
    fresh = replace(
        draft, sequence=sequence, count=len(lines), state=state, base=None, deltas=(), since=None
    )
    if previous is not None and _says_the_same(previous, fresh):
        return previous
    if len(lines) <= INLINE_LIMIT and len(write_list(fresh)) <= inline_bytes:
        return fresh
    if previous is None or previous.base is None:
        base = _base(fresh.scope, sequence, lines, blobs)
        return replace(fresh, approvals=(), base=base)
    if previous.state == state:
        return replace(
            fresh, approvals=(), base=previous.base, deltas=previous.deltas, since=previous.since
        )
    return _with_delta(fresh, previous, {a.id: approval_line(a) for a in before}, lines, blobs)


def approvals_of(listing: ScopeList, blobs: Blobs) -> dict[Digest, SignedApproval]:
    """All approvals of a published list by id; `InvalidAllowlist` for blobs that are not its."""
    found = {approval.id: approval for approval in listing.approvals}
    if listing.base is None:
        return found
    document = _content(listing.base, blobs)
    for part in read_base(document, listing.scope):
        for _, approval in read_part(_content(part.blob, blobs), listing.scope):
            found[approval.id] = approval
    for delta in (*read_trail(document, listing.scope).deltas, *listing.deltas):
        if delta.sequence > listing.base.sequence:
            for change in read_delta(_content(delta, blobs), listing.scope):
                if isinstance(change, Drop):
                    found.pop(change.id, None)
                else:
                    found[change.id] = change
    return found


def _says_the_same(previous: ScopeList, fresh: ScopeList) -> bool:
    same = replace(
        previous,
        sequence=fresh.sequence,
        published_at=fresh.published_at,
        approvals=fresh.approvals,
        base=None,
        deltas=(),
        since=None,
    )
    return same == fresh


def _with_delta(
    fresh: ScopeList,
    previous: ScopeList,
    before: Mapping[Digest, bytes],
    lines: Mapping[Digest, bytes],
    blobs: Blobs,
) -> ScopeList:
    """The list names the newest delta, its base's trail the others."""
    assert previous.base is not None
    scope, base = fresh.scope, previous.base
    puts = [a for a in fresh.approvals if before.get(a.id) != lines[a.id]]
    content = delta_lines(puts, map(Drop, before.keys() - lines.keys()))
    delta = blob_of(fresh.sequence, pack(content), blobs.put)
    document = _content(base, blobs)
    trail = read_trail(document, scope)
    older = Trail(
        trail.since, _merged((*trail.deltas, *previous.deltas), base.sequence, scope, blobs)
    )
    every = [d.length for d in (*older.deltas, delta) if d.sequence > base.sequence]
    whole = sum(map(len, lines.values())) * delta.length // max(len(content), 1)
    if sum(every) * DELTAS_SHARE > whole:
        kept = tuple(d for d in older.deltas if d.sequence > base.sequence)
        older = Trail(max(base.sequence, trail.since), kept)
        base = _base(scope, fresh.sequence, lines, blobs, older)
    else:
        base = base_of(scope, base.sequence, read_base(document, scope), blobs.put, older)
    return replace(fresh, approvals=(), base=base, deltas=(delta,), since=previous.sequence)


def _merged(deltas: tuple[Blob, ...], base: int, scope: str, blobs: Blobs) -> tuple[Blob, ...]:
    """At most `DELTAS`: the two neighbours that are smallest together become one, but never over
    the base's own sequence."""
    while len(deltas) > DELTAS:
        pairs = [
            (one.length + other.length, number)
            for number, (one, other) in enumerate(pairwise(deltas))
            if not one.sequence <= base < other.sequence
        ]
        _, at = min(pairs)
        one, other = deltas[at], deltas[at + 1]
        changes = {
            change.id: change
            for blob in (one, other)
            for change in read_delta(_content(blob, blobs), scope)
        }
        puts = [change for change in changes.values() if isinstance(change, SignedApproval)]
        drops = [change for change in changes.values() if isinstance(change, Drop)]
        merged = blob_of(other.sequence, pack(delta_lines(puts, drops)), blobs.put)
        deltas = (*deltas[:at], merged, *deltas[at + 2 :])
    return deltas


def _base(
    scope: str,
    sequence: int,
    lines: Mapping[Digest, bytes],
    blobs: Blobs,
    trail: Trail | None = None,
) -> Blob:
    parts = [
        Part(blob_of(sequence, pack(b"\n".join(lines[i] for i in ids)), blobs.put), len(ids))
        for ids in _ranges(sorted(lines))
    ]
    return base_of(scope, sequence, parts, blobs.put, trail)


def _ranges(ids: Sequence[Digest]) -> Iterator[list[Digest]]:
    """Sorted ids in runs that agree in their leading bits; a change moves no other run's ends."""
    digits = next((n for n in range(4) if len(ids) <= _PART_APPROVALS * 16**n), 4)
    for _, run in groupby(ids, key=lambda one: (one.algorithm, one.hex[:digits])):
        yield list(run)


def _content(blob: Blob, blobs: Blobs) -> bytes:
    return content_of(blob, blobs.get(blob.sha256))
