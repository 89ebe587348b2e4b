"""Reads the signed payload of a scope, format 1, from bytes; fetches nothing and trusts nobody.

Every function raises `InvalidAllowlist`, and nothing else, for what is not of the format. Its
message begins with the document and the JSON path (`acme/list.json: $.waivers[0].owner: …`).
"""

from typing import Final

from core.allowlist import document
from core.allowlist.allowlist import Constraints, Deny, Waiver
from core.list_format.payload import (
    BLOB_LIMIT,
    DOCUMENT_LIMIT,
    EMERGENCY,
    EMERGENCY_LONGEST,
    FORMAT,
    INFLATED_LIMIT,
    INLINE_LIMIT,
    Blob,
    Part,
    PublicKey,
    ScopeDenies,
    ScopeList,
    StalePolicy,
    Trail,
)
from core.list_format.payload_fields import Fields, decoded
from core.list_format.payload_lines import (
    approval_at,
    approval_of_line,
    content_of,
    inflate,
    read_delta,
    read_part,
)
from core.list_format.payload_write import state_of

__all__ = (
    "approval_of_line",
    "content_of",
    "inflate",
    "read_base",
    "read_delta",
    "read_denies",
    "read_list",
    "read_part",
    "read_trail",
)

_STALE_ANSWERS: Final = ("hold", "close")


def read_denies(data: bytes, scope: str) -> ScopeDenies:
    """`deny.json` of a scope (or of `emergency`)."""
    fields = _document(data, scope, f"{scope}/deny.json: $")
    entries = fields.items("denies", required=True)
    sequence = fields.number("sequence")
    fields.done()
    return ScopeDenies(scope, sequence, tuple(_deny(entry, scope) for entry in entries))


def read_list(data: bytes, scope: str) -> ScopeList:
    """`list.json` of a scope; where it holds the approvals themselves, `count` and `state` have
    been compared."""
    fields = _document(data, scope, f"{scope}/list.json: $")
    at = fields.at
    is_inline, is_long = fields.has("approvals"), fields.has("base")
    approvals = tuple(approval_at(item) for item in fields.items("approvals"))
    deltas = tuple(_blob(item) for item in fields.items("deltas"))
    found = ScopeList(
        scope=scope,
        sequence=fields.number("sequence"),
        published_at=document.instant_at(f"{at}.published_at", fields.text("published_at")),
        count=fields.number("count"),
        state=fields.hexadecimal("state"),
        contact=fields.text("contact", ""),
        constraints=_constraints(fields.inner("constraints")),
        waivers=tuple(_waiver(item) for item in fields.items("waivers")),
        policy=_policy(fields, scope),
        approvals=approvals,
        base=_blob(fields.inner("base")) if is_long else None,
        deltas=deltas,
        since=fields.number("since", None),
    )
    fields.done()
    _check_whole(at, found, is_inline)
    return found


def read_base(inflated: bytes, scope: str) -> tuple[Part, ...]:
    """The parts that a base blob lists."""
    fields = _document(inflated, scope, f"{scope}/base: $", limit=INFLATED_LIMIT)
    sequence = fields.number("sequence")
    items = fields.items("parts", required=True)
    for key in ("deltas", "since"):  # `read_trail` reads them
        fields.has(key)
    fields.done()
    return tuple(_part(item, sequence) for item in items)


def read_trail(inflated: bytes, scope: str) -> Trail:
    """The older deltas that a base blob names."""
    fields = _document(inflated, scope, f"{scope}/base: $", limit=INFLATED_LIMIT)
    sequence = fields.number("sequence")
    deltas = tuple(_blob(item) for item in fields.items("deltas"))
    return Trail(fields.number("since", sequence), deltas)


def _document(data: bytes, scope: str, at: str, *, limit: int = DOCUMENT_LIMIT) -> Fields:
    fields = Fields(at, decoded(data, at, limit=limit))
    number = fields.number("format")
    if number != FORMAT:
        message = f"the document is of format {number}; this version reads format {FORMAT}"
        fix = "update dockwarden here" if number > FORMAT else "publish again"
        raise document.wrong_at(f"{at}.format", message, fix)
    if (named := fields.text("scope")) != scope:
        fix = f"publish it as {named[:100]}, or correct its scope"
        raise document.wrong_at(f"{at}.scope", f"{named[:100]!r} is not {scope!r}", fix)
    if scope != EMERGENCY:
        document.check_scope(f"{at}.scope", scope, scope.rpartition(".")[0] or None)
    return fields


def _deny(fields: Fields, scope: str) -> Deny:
    is_emergency = scope == EMERGENCY
    deny = document.deny_of(
        fields.at,
        digests=fields.texts("digests", required=True),
        reason=fields.text("reason"),
        revoked=fields.flag("revoked"),
        denied_at=fields.text("denied_at") if is_emergency else fields.optional("denied_at"),
        expires_at=fields.text("expires_at") if is_emergency else None,
        by=fields.text("by", ""),
        scope=EMERGENCY if is_emergency else "",
    )
    fields.done()
    if deny.expires_at is not None and deny.denied_at is not None:
        span = deny.expires_at - deny.denied_at
        if not 0 < span.total_seconds() <= EMERGENCY_LONGEST.total_seconds():
            fix = "end it at most 24 hours after denied_at; the scope's own deny lasts longer"
            raise document.wrong_at(f"{fields.at}.expires_at", f"it lasts {span}", fix)
    return deny


def _waiver(fields: Fields) -> Waiver:
    waiver = document.waiver_of(
        fields.at,
        digests=fields.texts("digests", required=True),
        lifts=fields.text("lifts"),
        reason=fields.text("reason"),
        owner=fields.text("owner"),
        expires_at=fields.text("expires_at"),
    )
    fields.done()
    return waiver


def _constraints(fields: Fields) -> Constraints:
    constraints = document.constraints_of(
        fields.at,
        repositories=fields.texts("repositories"),
        required_scanners=fields.words("required_scanners"),
        allowed_licences=fields.words("allowed_licences"),
        longest_lifetime_days=fields.number("longest_lifetime_days", None),
        forbid_exemptions=fields.flag("forbid_exemptions"),
    )
    fields.done()
    return constraints


def _policy(parent: Fields, scope: str) -> StalePolicy | None:
    if not parent.has("policy"):
        return None
    fields = parent.inner("policy")
    if "." in scope:
        raise document.wrong_at(fields.at, "only the organization has one", "remove it")
    usual = StalePolicy()
    policy = StalePolicy(
        fields.number("max_stale_seconds", usual.max_stale_seconds),
        fields.text("when_too_stale", usual.when_too_stale),
        tuple(_public_key(key) for key in fields.items("break_glass_keys")),
    )
    fields.done()
    if policy.when_too_stale not in _STALE_ANSWERS:
        at = f"{fields.at}.when_too_stale"
        raise document.wrong_at(
            at, "it is not a known policy", f"write {' or '.join(_STALE_ANSWERS)}"
        )
    return policy


def _public_key(fields: Fields) -> PublicKey:
    value = fields.inner("keyval")
    key = PublicKey(
        keyid=fields.stated("keyid"),
        keytype=fields.stated("keytype"),
        scheme=fields.stated("scheme"),
        public=value.stated("public"),
    )
    value.done()
    fields.done()
    return key


def _blob(fields: Fields) -> Blob:
    blob = Blob(fields.number("sequence"), fields.hexadecimal("sha256"), _length(fields))
    fields.done()
    return blob


def _part(fields: Fields, sequence: int) -> Part:
    blob = Blob(sequence, fields.hexadecimal("sha256"), _length(fields))
    part = Part(blob, fields.number("count"))
    fields.done()
    return part


def _length(fields: Fields) -> int:
    length = fields.number("length")
    if not 1 <= length <= BLOB_LIMIT:
        fix = f"cut it into blobs of 1 to {BLOB_LIMIT} bytes"
        raise document.wrong_at(f"{fields.at}.length", "it is out of range", fix)
    return length


def _check_whole(at: str, listing: ScopeList, inline: bool) -> None:
    """What no single key shows."""
    if inline == (listing.base is not None):
        raise document.wrong_at(at, "it has both approvals and base, or neither", "publish again")
    if inline:
        _check_inline(at, listing)
        return
    sequences = [delta.sequence for delta in listing.deltas]
    if sequences != sorted(set(sequences)) or any(n > listing.sequence for n in sequences):
        fix = "order them by sequence, none beyond the list's own"
        raise document.wrong_at(f"{at}.deltas", "their sequences do not rise", fix)
    if listing.since is not None and (not sequences or listing.since >= sequences[0]):
        fix = "write the sequence from which the first delta leads on"
        raise document.wrong_at(f"{at}.since", "no delta begins after it", fix)
    if listing.base is not None and listing.base.sequence > listing.sequence:
        raise document.wrong_at(f"{at}.base", "it is newer than the list", "publish again")


def _check_inline(at: str, listing: ScopeList) -> None:
    approvals = listing.approvals
    if listing.deltas or listing.since is not None:
        raise document.wrong_at(f"{at}.deltas", "there is no base to change", "remove them")
    if len(approvals) > INLINE_LIMIT:
        fix = f"cut lists of more than {INLINE_LIMIT} into parts"
        raise document.wrong_at(f"{at}.approvals", f"{len(approvals)} approvals", fix)
    if len({approval.id for approval in approvals}) != len(approvals):
        raise document.wrong_at(f"{at}.approvals", "two have one id", "keep one approval an id")
    if len(approvals) != listing.count:
        message = f"there are {len(approvals)} approvals"
        raise document.wrong_at(f"{at}.count", message, "publish again")
    if state_of(approvals) != listing.state:
        raise document.wrong_at(f"{at}.state", "it belongs to another set", "publish again")
