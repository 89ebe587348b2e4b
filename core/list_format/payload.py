"""The signed payload of a scope, format 1: its values; knows neither JSON nor bytes.

Shared by writers of lists (`payload_write`) and their readers (`payload_read`).
docs/internals/signed-allowlist.md describes the format.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from core.allowlist.allowlist import Approval, Constraints, Deny, Waiver
from core.image.digest import Digest

FORMAT: Final = 1
EMERGENCY: Final = "emergency"  # the role whose denies come from those on call
INLINE_LIMIT: Final = 2_000  # approvals; longer lists are cut into parts
DOCUMENT_LIMIT: Final = 1 << 20  # bytes
BLOB_LIMIT: Final = 8 << 20  # bytes, compressed
INFLATED_LIMIT: Final = 64 << 20  # bytes
SEQUENCE_LIMIT: Final = 2**53 - 1  # the largest integer that every JSON reader keeps exact
EMERGENCY_LONGEST: Final = timedelta(hours=24)
EMPTY_STATE: Final = "0" * 64


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
class Part:
    """One part of a base: the blob, and how many approvals it holds."""

    blob: Blob
    count: int


@dataclass(frozen=True, slots=True)
class Trail:
    """The deltas that come before those that the list itself names; the first of them leads on
    from the sequence `since`."""

    since: int
    deltas: tuple[Blob, ...] = ()


@dataclass(frozen=True, slots=True)
class Drop:
    """A delta's word that an approval has gone."""

    id: Digest


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key as TUF metadata writes it, its key id beside it."""

    keyid: str
    keytype: str
    scheme: str
    public: str


@dataclass(frozen=True, slots=True)
class StalePolicy:
    """The organization's word on hosts that hear nothing new: what they do once the list is stale
    for longer than allowed, and whose break-glass tokens they take."""

    max_stale_seconds: int = 7 * 86_400
    when_too_stale: str = "hold"
    break_glass_keys: tuple[PublicKey, ...] = ()


@dataclass(frozen=True, slots=True)
class ScopeDenies:
    """`deny.json`. The emergency role's denies have an end and its name as their `scope`."""

    scope: str
    sequence: int
    denies: tuple[Deny, ...] = ()


@dataclass(frozen=True, slots=True)
class ScopeList:
    """`list.json`. Either `approvals` is all there is, or `base` and `deltas` lead there.

    The first delta leads on from the sequence `since` (None: the base's); what comes before it
    is in the base's `Trail`, so that who follows closely fetches little."""

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
    since: int | None = None
