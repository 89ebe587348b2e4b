"""Short ways to make the domain's values in tests."""

from datetime import UTC, datetime, timedelta

from core.allowlist.allowlist import Approval, Deny, Exemption, Waiver
from core.image.digest import Digest
from core.image.identity import ImageIdentity

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


def digest(name: str) -> Digest:
    """A digest that is the same for the same name."""
    return Digest.of(name.encode())


def image(name: str = "app", *, chain: tuple[str, ...] = ()) -> ImageIdentity:
    """An image whose ID is `digest(name)`, on the named layer chains."""
    return ImageIdentity(digest(name), chain=tuple(digest(layer) for layer in chain))


def approval(
    name: str = "app",
    *,
    repository: str = "registry.acme.example/team/app",
    tags: tuple[str, ...] = (),
    chain: tuple[str, ...] = (),
    approved_at: datetime | None = None,
    expires_at: datetime | None = None,
    scanners: tuple[str, ...] = (),
    licences: tuple[str, ...] = (),
    pull: Digest | None = None,
) -> Approval:
    """An approval of `image(name)`."""
    return Approval(
        repository=repository,
        digests=frozenset({digest(name)}),
        tags=tags,
        chain_ids=frozenset(digest(layer) for layer in chain),
        approved_at=approved_at,
        expires_at=expires_at,
        scanners=frozenset(scanners),
        licences=frozenset(licences),
        pull=pull,
    )


def deny(name: str = "app", *, revoked: bool = False, reason: str = "CVE-2026-1") -> Deny:
    """A deny (or revocation) of one digest."""
    return Deny(frozenset({digest(name)}), reason, revoked)


def waiver(lifts: str, name: str = "app", *, expires_at: datetime = NOW + DAY) -> Waiver:
    """A waiver for one digest, until tomorrow."""
    return Waiver(frozenset({digest(name)}), lifts, "until the fix is out", "eve", expires_at)


def exemption(name: str = "app", *, expires_at: datetime = NOW + DAY) -> Exemption:
    """This host's exemption of one digest, until tomorrow."""
    return Exemption(digest(name), "migration", "ops", expires_at)
