"""Denies and revocations put into a draft and taken out of it; pure, nothing is written."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from core.allowlist.allowlist import Deny
from core.image.digest import Digest
from core.list_format.payload import EMERGENCY
from registrar.images.durations import readable
from registrar.images.lookup import NotFound, meeting
from registrar.workspace import Draft

LONGEST_EMERGENCY: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Word:
    """Why somebody denies, who, and when; `expires_at` only in the emergency role."""

    reason: str
    by: str
    at: datetime
    expires_at: datetime | None = None


def denied(draft: Draft, digests: frozenset[Digest], word: Word, *, revoked: bool = False) -> Draft:
    """The draft with one more deny. Raises `NotFound` where the draft has the same one already."""
    for deny in draft.denies:
        if deny.digests >= digests and deny.revoked >= revoked and deny.expires_at is None:
            verb = "revoked" if deny.revoked else "denied"
            raise NotFound(f"{draft.scope} has {verb} it already: {deny.reason}", hint="sign that")
    scope = EMERGENCY if draft.scope == EMERGENCY else ""
    new = Deny(digests, word.reason, revoked, word.at, word.expires_at, word.by, scope)
    return replace(draft, denies=(*draft.denies, new))


def undenied(
    draft: Draft, digest: Digest, *, published: tuple[Deny, ...], now: datetime
) -> tuple[Draft, tuple[Deny, ...]]:
    """The draft without the denies that name this digest, and those denies.

    A revocation that hosts may know (`published`) is a tombstone: it stays while an approval
    that it meets has not ended (docs/internals/signed-allowlist.md). Raises `NotFound`.
    """
    gone = tuple(deny for deny in draft.denies if digest in deny.digests)
    if not gone:
        raise NotFound(
            f"{draft.scope} does not deny {digest}", hint=f"`deny list --scope {draft.scope}`"
        )
    for deny in gone:
        met = meeting(deny.digests, [draft])
        ends = max((f.approval.expires_at for f in met), default=now)
        if deny.revoked and deny in published and ends > now:
            raise NotFound(
                f"{draft.scope} revoked it, and its approval lasts until {readable(ends)}:"
                f" without the revocation it would run again",
                hint="if you want that, `waiver grant` lifts it for a limited time, with a reason",
            )
    return replace(draft, denies=tuple(d for d in draft.denies if d not in gone)), gone
