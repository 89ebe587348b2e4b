"""What a level's constraints find wrong with an approval; knows no waivers and no clock."""

import re
from collections.abc import Iterator
from datetime import timedelta

from core.allowlist.allowlist import Approval, Constraints

_STARS = re.compile(r"(\*\*?)")


def breaches(approval: Approval, constraints: Constraints) -> tuple[str, ...]:
    """What the approval lacks under these constraints, a clause each; empty when it satisfies."""
    return tuple(_breaches(approval, constraints))


def matches(pattern: str, repository: str) -> bool:
    """Whether the whole name fits: `*` is any run of characters but `/`, `**` any run at all.

    Follows all possibilities at once, so that no pattern can make it slow.
    """
    ends = {0}
    for piece in filter(None, _STARS.split(pattern)):
        if piece == "**":
            ends = set(range(min(ends), len(repository) + 1))
        elif piece == "*":
            ends = {e for start in ends for e in range(start, _part_end(repository, start) + 1)}
        else:
            ends = {start + len(piece) for start in ends if repository.startswith(piece, start)}
        if not ends:
            return False
    return len(repository) in ends


def _part_end(repository: str, start: int) -> int:
    slash = repository.find("/", start)
    return len(repository) if slash < 0 else slash


def _breaches(approval: Approval, constraints: Constraints) -> Iterator[str]:
    patterns = constraints.repositories
    if patterns and not any(matches(pattern, approval.repository) for pattern in patterns):
        yield f"{approval.repository} fits none of the permitted repositories {_words(patterns)}"
    if missing := constraints.required_scanners - approval.scanners:
        yield f"no verdict of the required {_words(missing)} is recorded"
    if constraints.allowed_licences and not approval.licences:
        yield "no licence is recorded"
    elif constraints.allowed_licences and approval.licences - constraints.allowed_licences:
        excess = approval.licences - constraints.allowed_licences
        yield f"the licences {_words(excess)} are not permitted"
    if constraints.longest_lifetime is not None:
        yield from _too_long(approval, constraints.longest_lifetime)


def _too_long(approval: Approval, longest: timedelta) -> Iterator[str]:
    if approval.approved_at is None or approval.expires_at is None:
        yield f"it has no beginning and end, and {_days(longest)} is the longest permitted"
    elif (lifetime := approval.expires_at - approval.approved_at) > longest:
        yield f"it lasts {_days(lifetime)}, and {_days(longest)} is the longest permitted"


def _words(words: frozenset[str] | tuple[str, ...]) -> str:
    return ", ".join(sorted(words))


def _days(span: timedelta) -> str:
    return f"{span / timedelta(days=1):.6g} days"
