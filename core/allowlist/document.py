"""Turns the texts of an allowlist document into values, naming the place of every error.

Stateless and of the standard library only, so that all readers of lists can share it, whatever
decodes the JSON. Places (`at`) are JSON paths such as `$.levels[0].denies[2]`. Every function
raises `InvalidAllowlist`, and nothing else, for a text that is not of the published schema.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from sys import intern
from typing import Final

from core.allowlist.allowlist import Approval, Constraints, Deny, Waiver
from core.base_errors import InvalidAllowlist, InvalidDigest
from core.image.digest import Digest
from core.image.reference import is_repository, is_tag

LIFTS: Final = ("deny", "constraint")
LONGEST_LIFETIME_DAYS: Final = 36_500

_SCOPE_PART = r"[a-z0-9]+(?:[_-][a-z0-9]+)*"
_SCOPE = re.compile(rf"{_SCOPE_PART}(?:\.{_SCOPE_PART})*")
_PATTERN = re.compile(r"[a-zA-Z0-9._:/*\[\]-]+")
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
_INSTANT = re.compile(rf"{_DATE}T{_TIME}(?:Z|[+-][0-9]{{2}}:[0-9]{{2}})")


def approval_of(
    at: str,
    *,
    repository: str,
    digests: Sequence[str],
    pull: str | None = None,
    tags: Sequence[str] = (),
    chain_ids: Sequence[str] = (),
    approved_at: str | None = None,
    expires_at: str | None = None,
    approvers: Sequence[str] = (),
    reason: str = "",
    scanners: Sequence[str] = (),
    licences: Sequence[str] = (),
) -> Approval:
    """One entry of `approvals`."""
    check_name(at, repository, tags)
    content = digests_at(f"{at}.digests", digests)
    begin = instant_at(f"{at}.approved_at", approved_at) if approved_at is not None else None
    end = instant_at(f"{at}.expires_at", expires_at) if expires_at is not None else None
    if begin and end and end <= begin:
        raise wrong_at(f"{at}.expires_at", "it is not after approved_at", "correct one of the two")
    return Approval(
        repository=repository,
        digests=content,
        tags=tuple(tags),
        chain_ids=digests_at(f"{at}.chain_ids", chain_ids) if chain_ids else frozenset(),
        approved_at=begin,
        expires_at=end,
        approvers=shared_words(tuple(approvers)),
        reason=reason,
        scanners=shared_set(tuple(scanners)),
        licences=shared_set(tuple(licences)),
        pull=_member(f"{at}.pull", pull, content) if pull is not None else None,
    )


def deny_of(
    at: str,
    *,
    digests: Sequence[str],
    reason: str,
    revoked: bool = False,
    denied_at: str | None = None,
    expires_at: str | None = None,
    by: str = "",
    scope: str = "",
) -> Deny:
    """One entry of `denies`; the last three are of signed lists only."""
    return Deny(
        digests=digests_at(f"{at}.digests", digests),
        reason=stated_at(f"{at}.reason", reason),
        revoked=revoked,
        denied_at=instant_at(f"{at}.denied_at", denied_at) if denied_at is not None else None,
        expires_at=instant_at(f"{at}.expires_at", expires_at) if expires_at is not None else None,
        by=by,
        scope=scope,
    )


def waiver_of(
    at: str, *, digests: Sequence[str], lifts: str, reason: str, owner: str, expires_at: str
) -> Waiver:
    """One entry of `waivers`: it always ends, and always has a reason and an owner."""
    if lifts not in LIFTS:
        fix = f"write {' or '.join(LIFTS)}"
        raise wrong_at(f"{at}.lifts", f"{lifts[:40]!r} is nothing that can be lifted", fix)
    return Waiver(
        digests=digests_at(f"{at}.digests", digests),
        lifts=intern(lifts),
        reason=stated_at(f"{at}.reason", reason),
        owner=stated_at(f"{at}.owner", owner),
        expires_at=instant_at(f"{at}.expires_at", expires_at),
    )


def constraints_of(
    at: str,
    *,
    repositories: Sequence[str] = (),
    required_scanners: Sequence[str] = (),
    allowed_licences: Sequence[str] = (),
    longest_lifetime_days: int | None = None,
    forbid_exemptions: bool = False,
) -> Constraints:
    """A level's `constraints`."""
    for index, pattern in enumerate(repositories):
        if not _PATTERN.fullmatch(pattern):
            fix = "write a repository in which * stands for one part and ** for any"
            raise wrong_at(
                f"{at}.repositories[{index}]", f"{pattern[:100]!r} is not a pattern", fix
            )
    days = longest_lifetime_days
    if days is not None and not 1 <= days <= LONGEST_LIFETIME_DAYS:
        fix = f"write whole days from 1 to {LONGEST_LIFETIME_DAYS}"
        raise wrong_at(f"{at}.longest_lifetime_days", "it is out of range", fix)
    return Constraints(
        repositories=tuple(repositories),
        required_scanners=frozenset(required_scanners),
        allowed_licences=frozenset(allowed_licences),
        longest_lifetime=None if days is None else timedelta(days=days),
        forbid_exemptions=forbid_exemptions,
    )


def check_scope(at: str, scope: str, parent: str | None) -> str:
    """The name of a level: the organization's is one word, each other its parent's child."""
    if not _SCOPE.fullmatch(scope):
        fix = "write words of a-z, 0-9, - and _ joined by dots, such as acme.pay"
        raise wrong_at(at, f"{scope[:100]!r} is not a scope", fix)
    above, _, _ = scope.rpartition(".")
    if above != (parent or ""):
        if parent is None:
            fix = "the first level is the organization's: one word, such as acme"
            raise wrong_at(at, f"{scope[:100]!r} is not at the top", fix)
        raise wrong_at(
            at, f"{scope[:100]!r} is not a child of {parent}", f"name it {parent}.<word>"
        )
    return scope


def check_name(at: str, repository: str, tags: Sequence[str]) -> None:
    """An approval's `repository` and `tags`."""
    if not is_repository(repository):
        fix = "write domain and path in lower case, without tag or digest"
        raise wrong_at(f"{at}.repository", f"{repository[:100]!r} is not a repository", fix)
    for index, tag in enumerate(tags):
        if not is_tag(tag):
            fix = "use at most 128 letters, digits, _ . and -, the first no . or -"
            raise wrong_at(f"{at}.tags[{index}]", f"{tag[:140]!r} is not a tag", fix)


def digests_at(at: str, texts: Sequence[str]) -> frozenset[Digest]:
    """At least one digest."""
    if not texts:
        raise wrong_at(at, "it is empty", "name at least one digest")
    return frozenset(digest_at(f"{at}[{index}]", text) for index, text in enumerate(texts))


def digest_at(at: str, text: str) -> Digest:
    """One digest."""
    try:
        return Digest.parse(text)
    except InvalidDigest as error:
        raise wrong_at(at, error.message, error.hint) from error


def _member(at: str, text: str, digests: frozenset[Digest]) -> Digest:
    digest = digest_at(at, text)
    for member in digests:
        if member == digest:
            return member
    raise wrong_at(at, "it is none of the approval's digests", "add it to digests, or drop it")


def instant_at(at: str, text: str) -> datetime:
    """A moment with its offset, as UTC."""
    try:
        if _INSTANT.fullmatch(text):
            return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):  # month 13; an offset that leaves the years 1 to 9999
        pass
    raise wrong_at(at, f"{text[:40]!r} is not a time", "write it as 2027-01-31T12:00:00Z")


def stated_at(at: str, text: str) -> str:
    """A text that says something."""
    if not text.strip():
        raise wrong_at(at, "it is blank", "say it in words")
    return text


@lru_cache(maxsize=256)
def shared_words(words: tuple[str, ...]) -> tuple[str, ...]:
    """The same words; entries that name the same ones share them."""
    return words


@lru_cache(maxsize=256)
def shared_set(words: tuple[str, ...]) -> frozenset[str]:
    """Most approvals name the same few sets: they share one."""
    return frozenset(words)


def wrong_at(at: str, message: str, hint: str) -> InvalidAllowlist:
    """The error to raise for what is at this place."""
    return InvalidAllowlist(f"{at}: {message}", hint=hint)
