"""Compiles verified payload into the host's index; knows no signatures and fetches only by a call.

Where the previous index leads from what a scope's list says to its state by deltas, these are
applied to a copy; count and state are compared then, and if they differ, or nothing leads there,
the scope's base is loaded, part by part, so that memory stays flat.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.helpers.sync.list_index.index_rows import pack_constraints
from agent.helpers.sync.list_index.index_writer import Damaged, IndexWriter, Scope, writing
from core.allowlist.allowlist import Approval, Constraints, Deny, Waiver
from core.allowlist.document import wrong_at
from core.base_errors import InvalidAllowlist
from core.image.digest import Digest
from core.list_format.payload import EMPTY_STATE, Blob, Drop, ScopeDenies, ScopeList
from core.list_format.payload_read import content_of, read_base, read_delta, read_part, read_trail
from core.list_format.payload_write import approval_line, weight


@dataclass(frozen=True, slots=True)
class ScopeInput:
    """What one scope says. `depth` is its place in the chain, 0 being the organization.

    The emergency role has the organization's depth, no `listing`, and its denies' own `scope`.
    `fetch_blob` brings a blob's compressed bytes, or raises. A level of which nothing is known yet
    has only a `name`, which is not needed otherwise.
    """

    depth: int
    denies: ScopeDenies | None
    listing: ScopeList | None
    fetch_blob: Callable[[Blob], bytes]
    name: str = ""

    @property
    def scope(self) -> str:
        """The scope's name."""
        found = self.listing or self.denies
        return found.scope if found else self.name


def compile_index(previous: Path | None, target: Path, scopes: Sequence[ScopeInput]) -> None:
    """Write the index of these scopes to `target`, durably; `previous` may spare most of the work.

    Raises `InvalidAllowlist` for blobs that are not what the lists say, `AllowlistRejected` where
    the target cannot be written, and what `fetch_blob` raises; then there is no target.
    """
    if previous is not None and previous.is_file():
        try:
            _compile(previous, target, scopes)
        except Damaged:  # it only spares work
            pass
        else:
            return
    _compile(None, target, scopes)


def _compile(previous: Path | None, target: Path, scopes: Sequence[ScopeInput]) -> None:
    with writing(target, previous) as writer:
        known = writer.scopes()
        lists = {given.depth: given for given in scopes if given.listing is not None}
        for _, depth, *_ in known.values():
            if depth not in lists:
                writer.clear(depth)
        for _, given in sorted(lists.items()):
            _take_over(writer, given, known)
        writer.replace_others(_others(scopes))
        writer.replace_scopes(_columns(given) for given in scopes)


def _take_over(writer: IndexWriter, given: ScopeInput, known: dict[str, Scope]) -> None:
    """Bring the level's approvals to what its list says."""
    listing = given.listing
    assert listing is not None
    before = known.get(listing.scope)
    if before is not None and before[1] == given.depth:
        _, _, sequence, state, count, *_ = before
        if (state, count) == (listing.state, listing.count):
            return
        if listing.base is not None:
            try:
                deltas = _leading(given, listing, listing.base, sequence)
                if deltas and _apply(writer, given, deltas, (state, count)):
                    return
            except InvalidAllowlist:  # the base may be sound
                pass
    writer.clear(given.depth)
    _load(writer, given)


def _leading(given: ScopeInput, listing: ScopeList, base: Blob, sequence: int) -> tuple[Blob, ...]:
    """The deltas from what was published with this sequence to the list; none if none lead on."""
    if sequence > listing.sequence:
        return ()
    since, deltas = base.sequence if listing.since is None else listing.since, listing.deltas
    if sequence < since:
        trail = read_trail(content_of(base, given.fetch_blob(base)), listing.scope)
        since, deltas = trail.since, (*trail.deltas, *deltas)
    return tuple(d for d in deltas if d.sequence > sequence) if since <= sequence else ()


def _apply(
    writer: IndexWriter, given: ScopeInput, deltas: Sequence[Blob], begin: tuple[str, int]
) -> bool:
    """Apply the deltas; whether that led to the list's state."""
    listing, depth = given.listing, given.depth
    assert listing is not None
    total, count = int(begin[0], 16), begin[1]
    for delta in deltas:
        for change in read_delta(content_of(delta, given.fetch_blob(delta)), listing.scope):
            gone = writer.drop(depth, change.id)
            if gone is not None:
                total, count = total - int.from_bytes(gone, "big"), count - 1
            if not isinstance(change, Drop):
                came = weight(approval_line(change))
                total, count = total + came, count + 1
                writer.put(depth, change.plain, came.to_bytes(32, "big"))
    return _is_state(listing, total, count)


def _load(writer: IndexWriter, given: ScopeInput) -> None:
    """Load the list from nothing."""
    listing = given.listing
    assert listing is not None
    total = count = 0

    def counted() -> Iterator[tuple[Approval, bytes]]:
        nonlocal total, count
        for approval, line in _lines(given, listing):
            came = weight(line)
            total, count = total + came, count + 1
            yield approval, came.to_bytes(32, "big")

    writer.load(given.depth, counted())
    base = listing.base
    deltas = _leading(given, listing, base, base.sequence) if base is not None else ()
    if _apply(writer, given, deltas, (f"{total:x}", count)):
        return
    at = f"{listing.scope}/list.json: $.state"
    raise wrong_at(at, "the approvals fetched are other ones than were signed", "publish again")


def _is_state(listing: ScopeList, total: int, count: int) -> bool:
    return (total % (1 << 256), count) == (int(listing.state, 16), listing.count)


def _lines(given: ScopeInput, listing: ScopeList) -> Iterator[tuple[Approval, bytes]]:
    """The approvals that the list holds or its base's parts do, each with its canonical line."""
    for approval in listing.approvals:
        yield approval.plain, approval_line(approval)
    if listing.base is None:
        return
    last: Digest | None = None
    for part in read_base(content_of(listing.base, given.fetch_blob(listing.base)), listing.scope):
        content, count = content_of(part.blob, given.fetch_blob(part.blob)), 0
        for line, signed in read_part(content, listing.scope):
            if last is not None and signed.id <= last:
                at = f"{listing.scope}/part {part.blob.sha256}"
                raise wrong_at(at, f"{signed.id} is out of order", "publish again")
            last, count = signed.id, count + 1
            yield signed.plain, line
        if count != part.count:
            at = f"{listing.scope}/part {part.blob.sha256}"
            raise wrong_at(at, f"it holds {count} approvals, not {part.count}", "publish again")


def _others(scopes: Sequence[ScopeInput]) -> Iterator[tuple[int, Deny | Waiver]]:
    for given in scopes:
        for deny in given.denies.denies if given.denies else ():
            yield given.depth, deny
        for waiver in given.listing.waivers if given.listing else ():
            yield given.depth, waiver


def _columns(given: ScopeInput) -> Scope:
    listing, denies = given.listing, given.denies
    numbers = [part.sequence for part in (listing, denies) if part is not None]
    return (
        given.scope,
        given.depth,
        listing.sequence if listing else max(numbers, default=0),
        listing.state if listing else EMPTY_STATE,
        listing.count if listing else 0,
        len(denies.denies) if denies else 0,
        listing.contact if listing else "",
        pack_constraints(listing.constraints if listing else Constraints()),
    )
