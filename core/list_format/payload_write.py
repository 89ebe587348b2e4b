"""Writes the signed payload of a scope, format 1, as bytes: the same bytes for the same values.

Checks nothing: `payload_read` does. Signs nothing and keeps nothing.
"""

import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from core.allowlist.allowlist import Constraints, Deny, Waiver
from core.image.digest import Digest
from core.list_format.payload import (
    EMPTY_STATE,
    FORMAT,
    Blob,
    Drop,
    Part,
    ScopeDenies,
    ScopeList,
    SignedApproval,
    StalePolicy,
    Trail,
)

_MODULUS: Final = 1 << 256
_DAY: Final = timedelta(days=1)

Store = Callable[[str, bytes], None]
"""Keeps a blob: its SHA-256 and its compressed bytes."""


def canonical(document: Mapping[str, Any]) -> bytes:
    """A JSON object as the one line that is hashed: sorted keys, no spaces, nothing empty."""
    text = json.dumps(_kept(document), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def approval_line(approval: SignedApproval) -> bytes:
    """An approval's canonical line, without a line feed."""
    return canonical(approval_document(approval))


def approval_document(approval: SignedApproval) -> dict[str, Any]:
    """An approval as a JSON object."""
    return {
        "id": str(approval.id),
        "repository": approval.repository,
        "tags": list(approval.tags),
        "index": approval.index and str(approval.index),
        "platforms": [
            {
                "platform": platform.platform,
                "manifest": str(platform.manifest),
                "config": str(platform.config),
                "chain_id": str(platform.chain_id),
            }
            for platform in approval.platforms
        ],
        "requester": approval.requester,
        "approvers": list(approval.approvers),
        "approved_at": _instant(approval.approved_at),
        "expires_at": _instant(approval.expires_at),
        "reason": approval.reason,
        "evidence": approval.evidence and str(approval.evidence),
        "scanners": sorted(approval.scanners),
        "licences": sorted(approval.licences),
    }


def weight(line: bytes) -> int:
    """What one canonical line adds to the state of its set."""
    return int.from_bytes(hashlib.sha256(line).digest(), "big")


def added(state: str, lines: Iterable[bytes], *, sign: int = 1) -> str:
    """A set's state after these canonical lines came (`sign=1`) or went (`sign=-1`)."""
    total = int(state, 16) + sign * sum(map(weight, lines))
    return f"{total % _MODULUS:064x}"


def state_of(approvals: Iterable[SignedApproval]) -> str:
    """The state of this set of approvals."""
    return added(EMPTY_STATE, map(approval_line, approvals))


def write_denies(denies: ScopeDenies) -> bytes:
    """`deny.json`."""
    return _document(
        {
            "format": FORMAT,
            "scope": denies.scope,
            "sequence": denies.sequence,
            "denies": [_deny(deny) for deny in denies.denies],
        }
    )


def write_list(listing: ScopeList) -> bytes:
    """`list.json`."""
    document = {
        "format": FORMAT,
        "scope": listing.scope,
        "sequence": listing.sequence,
        "published_at": _instant(listing.published_at),
        "contact": listing.contact,
        "constraints": _constraints(listing.constraints),
        "waivers": [_waiver(waiver) for waiver in listing.waivers],
        "policy": listing.policy and _policy(listing.policy),
        "count": listing.count,
        "state": listing.state,
    }
    if listing.base is None:
        approvals = sorted(listing.approvals, key=lambda approval: approval.id)
        return _document(document | {"approvals": [_kept(approval_document(a)) for a in approvals]})
    deltas = [_blob(delta) for delta in listing.deltas]
    base = {"base": _blob(listing.base), "since": listing.since, "deltas": deltas}
    return _document(document | base)


def blob_of(sequence: int, data: bytes, store: Store) -> Blob:
    """Keep and name what was compressed."""
    sha256 = hashlib.sha256(data).hexdigest()
    store(sha256, data)
    return Blob(sequence, sha256, len(data))


def base_of(
    scope: str, sequence: int, parts: Sequence[Part], store: Store, trail: Trail | None = None
) -> Blob:
    """The blob that lists the parts and the older deltas."""
    document = {
        "format": FORMAT,
        "scope": scope,
        "sequence": sequence,
        "parts": [
            {"sha256": p.blob.sha256, "length": p.blob.length, "count": p.count} for p in parts
        ],
        "deltas": [_blob(delta) for delta in trail.deltas] if trail else None,
        "since": trail.since if trail and trail.deltas else None,
    }
    return blob_of(sequence, zlib.compress(_document(document), 9), store)


def delta_lines(puts: Iterable[SignedApproval], drops: Iterable[Drop]) -> bytes:
    """A delta's content: what goes, then what comes, each by its id."""
    lines = [canonical({"drop": str(drop.id)}) for drop in sorted(drops, key=lambda d: d.id)]
    lines += [approval_line(approval) for approval in sorted(puts, key=lambda a: a.id)]
    return b"\n".join(lines)


def _document(document: Mapping[str, Any]) -> bytes:
    return json.dumps(_present(document), separators=(",", ":"), ensure_ascii=False).encode()


def _kept(document: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in document.items() if v not in (None, "", [], {}, ())}


def _present(document: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is optional and empty; the lists that say how much there is stay."""
    kept = _kept(document)
    return kept | {k: document[k] for k in ("denies", "parts", "approvals") if k in document}


def _deny(deny: Deny) -> dict[str, Any]:
    return _kept(
        {
            "digests": _texts(deny.digests),
            "reason": deny.reason,
            "revoked": deny.revoked or None,
            "denied_at": deny.denied_at and _instant(deny.denied_at),
            "expires_at": deny.expires_at and _instant(deny.expires_at),
            "by": deny.by,
        }
    )


def _waiver(waiver: Waiver) -> dict[str, Any]:
    return {
        "digests": _texts(waiver.digests),
        "lifts": waiver.lifts,
        "reason": waiver.reason,
        "owner": waiver.owner,
        "expires_at": _instant(waiver.expires_at),
    }


def _constraints(constraints: Constraints) -> dict[str, Any]:
    longest = constraints.longest_lifetime
    if longest is not None and longest % _DAY:
        raise ValueError(f"{longest} is not of whole days")
    return _kept(
        {
            "repositories": list(constraints.repositories),
            "required_scanners": sorted(constraints.required_scanners),
            "allowed_licences": sorted(constraints.allowed_licences),
            "longest_lifetime_days": longest and longest // _DAY,
            "forbid_exemptions": constraints.forbid_exemptions or None,
        }
    )


def _policy(policy: StalePolicy) -> dict[str, Any]:
    keys = [
        {"keyid": k.keyid, "keytype": k.keytype, "scheme": k.scheme, "keyval": {"public": k.public}}
        for k in policy.break_glass_keys
    ]
    document = {
        "max_stale_seconds": policy.max_stale_seconds,
        "when_too_stale": policy.when_too_stale,
    }
    return document | ({"break_glass_keys": keys} if keys else {})


def _blob(blob: Blob) -> dict[str, Any]:
    return {"sequence": blob.sequence, "sha256": blob.sha256, "length": blob.length}


def _texts(digests: Iterable[Digest]) -> list[str]:
    return sorted(map(str, digests))


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
