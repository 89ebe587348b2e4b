"""Finds approvals by what people have at hand: a digest, its beginning, or a reference; pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from core.base_errors import DockwardenError, InvalidDigest
from core.image.digest import Digest
from core.image.reference import Reference, normalise
from core.list_format.payload import SignedApproval
from registrar.workspace import Draft

_SHORTEST = 12  # hexadecimal digits of a digest, as docker prints them
_BEGINNING = re.compile(rf"(?:sha256:)?([0-9a-f]{{{_SHORTEST},64}})")


class NotFound(DockwardenError):
    """No approval, deny or waiver, or more than one, is meant."""


@dataclass(frozen=True, slots=True)
class Found:
    """An approval and the scope that holds it."""

    scope: str
    approval: SignedApproval


def digest_of(text: str) -> Digest | None:
    """The digest that the text is; None for a reference."""
    try:
        return Digest.parse(text)
    except InvalidDigest:
        return None


def find(text: str, drafts: Iterable[Draft]) -> tuple[Found, ...]:
    """Every approval that is meant: by any of its digests or chain IDs, by at least twelve digits
    of one, by repository and digest, by repository and tag, or by repository alone."""
    beginning = _BEGINNING.fullmatch(text)
    if beginning:
        return tuple(
            f for f in _all(drafts) if any(d.hex.startswith(beginning[1]) for d in _ids(f))
        )
    if digest := digest_of(text):  # of another algorithm
        return tuple(f for f in _all(drafts) if digest in _ids(f))
    wanted = normalise(Reference.parse(text))
    return tuple(f for f in _all(drafts) if _named(f.approval, wanted))


def find_one(text: str, drafts: Iterable[Draft]) -> Found:
    """The only approval that is meant, or `NotFound` with what to type instead."""
    found = find(text, drafts)
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotFound(
            f"no approval of {text[:200]!r}", hint="`image list` shows what is approved, and where"
        )
    listed = "\n".join(f"  {f.scope}  {f.approval.repository}@{f.approval.id}" for f in found[:10])
    raise NotFound(
        f"{text[:200]!r} means {len(found)} approvals:\n{listed}",
        hint="name one by its digest and --scope",
    )


def meeting(digests: frozenset[Digest], drafts: Iterable[Draft]) -> tuple[Found, ...]:
    """Every approval that shares content with these digests."""
    return tuple(found for found in _all(drafts) if found.approval.plain.digests & digests)


def label(digests: frozenset[Digest], drafts: Iterable[Draft]) -> str:
    """What people call this content: of an approval `repository:tag`, else a digest's beginning."""
    found = meeting(digests, drafts)
    if not found:
        return min(digests).short
    approval = found[0].approval
    tag = f":{approval.tags[0]}" if approval.tags else f"@{approval.id.short}"
    return f"{approval.repository}{tag}"


def every_digest(approval: SignedApproval) -> frozenset[Digest]:
    """All its digests and chain IDs: what a deny has to name."""
    plain = approval.plain
    return plain.digests | plain.chain_ids


def _all(drafts: Iterable[Draft]) -> Iterator[Found]:
    for draft in drafts:
        for approval in draft.approvals.values():
            yield Found(draft.scope, approval)


def _ids(found: Found) -> frozenset[Digest]:
    return every_digest(found.approval)


def _named(approval: SignedApproval, wanted: Reference) -> bool:
    if approval.repository != wanted.repository:
        return False
    if wanted.digest is not None:
        return wanted.digest in every_digest(approval)
    return not wanted.tag or wanted.tag in approval.tags
