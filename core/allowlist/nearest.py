"""The approved image that a refused person should use instead; advice, never a verdict."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from core.allowlist.allowlist import Approval
from core.base_errors import InvalidDigest, InvalidReference
from core.image.digest import Digest
from core.image.reference import Reference, normalise
from core.text import printable

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_VERSION = re.compile(r"v?(?P<numbers>[0-9]{1,9}(?:\.[0-9]{1,9})*)(?P<variant>.*)", re.DOTALL)
_FAR: Final = (3, 0, 0, 0)

Distance = tuple[int, int, int, int]
Usable = Callable[[Approval], bool]


def nearest_approved(
    reference: str,
    approvals: Iterable[Approval],
    limit: int = 3,
    *,
    now: datetime | None = None,
    usable: Usable = lambda _approval: True,
) -> tuple[Approval, ...]:
    """The approvals of the same repository, nearest first; none for what is not a reference.

    The same repository is the one whose path agrees with the reference's, as docker completes
    it, in most parts from the right: one at least. Of these, the nearest version tag comes
    first, then the newest approval. Approvals that have ended by `now` are left out, and those that
    are not `usable` (denied, or against a constraint).
    """
    wanted = _wanted(reference)
    if wanted is None:
        return ()
    parts = wanted.repository.split("/")
    alike: list[Approval] = []
    longest = 1
    for approval in approvals:
        if not approval.repository.endswith(parts[-1]):  # most are distinguished by this alone
            continue
        agreeing = _common_tail(parts, approval.repository.split("/"))
        if agreeing < longest or (now and approval.expires_at and approval.expires_at <= now):
            continue
        alike = alike if agreeing == longest else []
        alike.append(approval)
        longest = agreeing
    alike.sort(key=lambda approval: approval.approved_at or _LONG_AGO, reverse=True)
    alike.sort(
        key=lambda approval: min((_distance(wanted.tag, t) for t in approval.tags), default=_FAR)
    )
    return tuple(islice(filter(usable, alike), limit))


def next_step(
    reference: str,
    approvals: Iterable[Approval],
    contact: str,
    *,
    now: datetime | None = None,
    usable: Usable = lambda _approval: True,
) -> str:
    """One or two sentences that a refused developer can follow: what to pull instead, who to
    ask. `contact` is the list's or the configuration's free text and may be empty."""
    wanted = _wanted(reference)
    whom = printable(contact.strip()) or "your registry administrators"
    if wanted is None:
        return (
            f"Its reference names no repository, so no similar approved image is known: ask {whom}."
        )
    nearest = nearest_approved(reference, approvals, 1, now=now, usable=usable)
    if not nearest:
        return f"No image of {wanted.familiar} is approved for this host: ask {whom} to approve it."
    pull = f"docker pull {_pullable(nearest[0], wanted.tag)}"
    return f"Use the approved image instead: {pull}. If you need another one, ask {whom}."


def last_part(reference: str) -> str:
    """The last part of the repository asked for: all that is near has it in common. Empty for what
    is not a reference."""
    wanted = _wanted(reference)
    return wanted.repository.rpartition("/")[2] if wanted else ""


def _wanted(reference: str) -> Reference | None:
    """What was asked for, `:latest` where no tag was; None for IDs and what is not a reference."""
    try:
        Digest.parse(reference)
    except InvalidDigest:
        pass
    else:
        return None
    try:
        wanted = normalise(Reference.parse(reference))
    except InvalidReference:
        return None
    return wanted if wanted.tag else replace(wanted, tag="latest")


def _common_tail(left: list[str], right: list[str]) -> int:
    pairs = zip(reversed(left), reversed(right), strict=False)
    return next(
        (n for n, (one, other) in enumerate(pairs) if one != other), min(len(left), len(right))
    )


def _distance(wanted: str, tag: str) -> Distance:
    """How far a tag is from the one wanted; the same, then the same variant (`-alpine`) by how
    many leading numbers agree and how far the next ones differ, a newer before an older one."""
    if wanted == tag:
        return (0, 0, 0, 0)
    ours, theirs = _VERSION.fullmatch(wanted), _VERSION.fullmatch(tag)
    if ours is None or theirs is None:
        return _FAR
    left, right = (tuple(map(int, m["numbers"].split("."))) for m in (ours, theirs))
    agreeing = next(
        (n for n, (one, other) in enumerate(zip(left, right, strict=False)) if one != other),
        min(len(left), len(right)),
    )
    step = (right[agreeing : agreeing + 1] or (0,))[0] - (left[agreeing : agreeing + 1] or (0,))[0]
    variant = 1 if ours["variant"] == theirs["variant"] else 2
    return (variant, -agreeing, abs(step), int(step < 0))


def _pullable(approval: Approval, wanted_tag: str) -> str:
    tag = min(approval.tags, key=lambda t: _distance(wanted_tag, t), default="")
    digest = f"@{approval.pull}" if approval.pull else ""
    return printable(f"{approval.repository}{':' if tag else ''}{tag}{digest}")
