"""The signed payload of a scope, format 1: values, and reading them from JSON that was decoded.

Pure; the standard library only; shared by whoever signs lists and whoever trusts them. Every
function raises `InvalidAllowlist`, naming the place as a JSON path. docs/internals/
signed-allowlist.md describes the format.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from agent.domain.allowlist import Approval, Constraints, Deny, Waiver
from agent.domain.digest import Digest
from agent.domain.errors import InvalidAllowlist

FORMAT: Final = 1
EMERGENCY: Final = "emergency"  # the role whose denies come from those on call
INLINE_LIMIT: Final = 2_000  # approvals; longer lists are cut into parts
DOCUMENT_LIMIT: Final = 1 << 20  # bytes
BLOB_LIMIT: Final = 8 << 20  # bytes, compressed
INFLATED_LIMIT: Final = 64 << 20  # bytes
STATE_MODULUS: Final = 1 << 256


@dataclass(frozen=True, slots=True)
class Platform:
    """One platform of an approved image, such as `linux/amd64`."""

    platform: str
    manifest: Digest
    config: Digest
    chain_id: Digest


@dataclass(frozen=True, slots=True)
class SignedApproval:
    """An approval as the payload holds it; `plain` is what verdicts are made of.

    `index` is None for an image that is one manifest. `evidence` is the SHA-256 of the recorded
    evidence. Times are aware; an approval always ends.
    """

    repository: str
    platforms: tuple[Platform, ...]
    approved_at: datetime
    expires_at: datetime
    index: Digest | None = None
    tags: tuple[str, ...] = ()
    requester: str = ""
    approvers: tuple[str, ...] = ()
    reason: str = ""
    evidence: Digest | None = None
    scanners: frozenset[str] = frozenset()
    licences: frozenset[str] = frozenset()

    @property
    def id(self) -> Digest:
        """The digest by which a registry hands it out."""
        return self.index or self.platforms[0].manifest

    @property
    def plain(self) -> Approval:
        """With all its digests in one set."""
        digests = {p.manifest for p in self.platforms} | {p.config for p in self.platforms}
        return Approval(
            repository=self.repository,
            digests=frozenset(digests | ({self.index} if self.index else set())),
            tags=self.tags,
            chain_ids=frozenset(p.chain_id for p in self.platforms),
            approved_at=self.approved_at,
            expires_at=self.expires_at,
            approvers=self.approvers,
            reason=self.reason,
            scanners=self.scanners,
            licences=self.licences,
            pull=self.id,
        )


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob named by its content: what it is for, its SHA-256 and its compressed length."""

    sequence: int
    sha256: str
    length: int


@dataclass(frozen=True, slots=True)
class StalePolicy:
    """What hosts do once the list is stale for longer than the organization allows."""

    max_stale_seconds: int = 7 * 86_400
    when_too_stale: str = "hold"


@dataclass(frozen=True, slots=True)
class ScopeDenies:
    """`deny.json`. `ends` holds the end of each deny that has one (the emergency role's)."""

    scope: str
    sequence: int
    denies: tuple[Deny, ...] = ()
    ends: Mapping[int, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScopeList:
    """`list.json`. Either `approvals` is all there is, or `base` and `deltas` lead there."""

    scope: str
    sequence: int
    published_at: datetime
    count: int
    state: str
    contact: str = ""
    constraints: Constraints = field(default_factory=Constraints)
    waivers: tuple[Waiver, ...] = ()
    policy: StalePolicy | None = None
    approvals: tuple[SignedApproval, ...] = ()
    base: Blob | None = None
    deltas: tuple[Blob, ...] = ()


def canonical(document: Mapping[str, Any]) -> bytes:
    """A JSON object as the one line that is hashed: sorted keys, no spaces, nothing empty."""
    kept = {key: value for key, value in document.items() if value not in (None, "", [], {}, ())}
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def added(state: str, lines: Iterable[bytes], *, sign: int = 1) -> str:
    """A set's state after these canonical lines came (`sign=1`) or went (`sign=-1`)."""
    total = int(state, 16)
    for line in lines:
        total += sign * int.from_bytes(hashlib.sha256(line).digest(), "big")
    return f"{total % STATE_MODULUS:064x}"


EMPTY_STATE: Final = "0" * 64


def decoded(data: bytes, at: str, *, limit: int = DOCUMENT_LIMIT) -> dict[str, Any]:
    """A document's JSON object; `at` names it in errors. Duplicate keys are refused."""
    if len(data) > limit:
        raise InvalidAllowlist(f"{at}: {len(data)} bytes, {limit} at most", hint="publish again")
    try:
        document = json.loads(data, object_pairs_hook=lambda pairs: _object(at, pairs))
    except (ValueError, RecursionError) as error:
        raise InvalidAllowlist(f"{at}: no JSON: {error}", hint="publish again") from error
    if not isinstance(document, dict):
        raise InvalidAllowlist(f"{at}: no JSON object", hint="publish again")
    return document


def _object(at: str, pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidAllowlist(f"{at}: a key comes twice in one object", hint="publish again")
    return found
