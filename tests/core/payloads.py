"""Short ways to make signed payload in tests, and a place in memory for its blobs."""

from collections.abc import Sequence
from datetime import datetime

from core.allowlist.allowlist import Constraints, Waiver
from core.list_format.payload import (
    EMPTY_STATE,
    Blob,
    Platform,
    ScopeList,
    SignedApproval,
    StalePolicy,
)
from core.list_format.payload_write import state_of
from tests.core.build import DAY, NOW, digest


class MemoryBlobs:
    """Blobs by their SHA-256; `fetched` reports which were asked for."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.fetched: list[str] = []

    def put(self, sha256: str, data: bytes) -> None:
        self.kept[sha256] = data

    def get(self, sha256: str) -> bytes:
        self.fetched.append(sha256)
        return self.kept[sha256]

    def fetch(self, blob: Blob) -> bytes:
        return self.get(blob.sha256)


def signed(
    name: str,
    *,
    platforms: Sequence[str] = ("linux/amd64",),
    repository: str = "registry.acme.example/team/app",
    approved_at: datetime = NOW - DAY,
    expires_at: datetime = NOW + 30 * DAY,
    reason: str = "",
) -> SignedApproval:
    """An approval whose first platform's config digest is `digest(name)`."""
    return SignedApproval(
        repository=repository,
        platforms=tuple(
            Platform(
                platform,
                digest(f"{name} manifest{n or ''}"),
                digest(f"{name}{n or ''}"),
                digest(f"{name} chain{n or ''}"),
            )
            for n, platform in enumerate(platforms)
        ),
        approved_at=approved_at,
        expires_at=expires_at,
        index=digest(f"{name} index") if len(platforms) > 1 else None,
        tags=("1.0",),
        requester="rita",
        approvers=("ada", "bert"),
        reason=reason,
        evidence=digest(f"{name} evidence"),
        scanners=frozenset({"grype", "trivy"}),
        licences=frozenset({"MIT"}),
    )


def listing(
    scope: str = "acme",
    approvals: Sequence[SignedApproval] = (),
    *,
    sequence: int = 1,
    waivers: Sequence[Waiver] = (),
    constraints: Constraints | None = None,
    policy: StalePolicy | None = None,
    contact: str = "",
) -> ScopeList:
    """A list that holds its approvals itself."""
    return ScopeList(
        scope=scope,
        sequence=sequence,
        published_at=NOW,
        count=len(approvals),
        state=state_of(approvals) if approvals else EMPTY_STATE,
        contact=contact,
        constraints=constraints or Constraints(),
        waivers=tuple(waivers),
        policy=policy,
        approvals=tuple(sorted(approvals, key=lambda approval: approval.id)),
    )
