"""The rows of the host's index: its schema, and domain values in and out of its columns.

Shared by the writer (`index`, here) and the reader (`agent.adapters.signed_list`); opens no file.
Digests are stored as their raw bytes and instants as microseconds since 1970, so that a look-up
decodes little.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from core.allowlist.allowlist import Approval, Constraints, Deny, Waiver
from core.allowlist.document import shared_set, shared_words
from core.image.digest import Digest

APPLICATION_ID: Final = 0x646B7731  # "dkw1": by which `file` and the reader recognise the index
VERSION: Final = 1  # of the schema; another one is compiled again

# An entry's number shows what it is: approvals have their level's depth in the upper bits, denies
# and waivers are negative, so that each kind and level is one range.
DEPTH_SHIFT: Final = 40

SCHEMA: Final = f"""
PRAGMA page_size = 4096;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
CREATE TABLE scopes (
    scope TEXT PRIMARY KEY, depth INTEGER NOT NULL, sequence INTEGER NOT NULL,
    state TEXT NOT NULL, approvals INTEGER NOT NULL, denies INTEGER NOT NULL,
    contact TEXT NOT NULL, constraints TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE entries (
    entry INTEGER PRIMARY KEY, depth INTEGER NOT NULL, name TEXT, ends INTEGER,
    digests BLOB NOT NULL, body TEXT NOT NULL, hash BLOB
);
CREATE TABLE digests (
    key INTEGER NOT NULL, entry INTEGER NOT NULL, PRIMARY KEY (key, entry)
) WITHOUT ROWID;
"""
INDEXES: Final = """
CREATE INDEX entries_by_name ON entries (name) WHERE name IS NOT NULL;
CREATE INDEX entries_by_end ON entries (ends) WHERE ends IS NOT NULL;
"""

Packed = tuple[str | None, int | None, bytes, str]
"""The columns name, ends, digests, body."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_OTHER: Final = 255  # the count that says: not all are sha256, they follow as text


def key_of(digest: Digest) -> int:
    """The number under which a digest is looked up: its first 64 bits. Others may share it, so
    a reader of an entry compares its digests."""
    return int(digest.hex[:16], 16) - (1 << 63)


def pack_approval(approval: Approval) -> Packed:
    """An approval; the digest it is pulled by comes first."""
    pull = approval.pull
    content = sorted(approval.digests, key=lambda digest: (digest != pull, digest))
    body = [
        approval.repository,
        approval.tags,
        _micros(approval.approved_at),
        _micros(approval.expires_at),
        approval.approvers,
        approval.reason,
        sorted(approval.scanners),
        sorted(approval.licences),
        pull is not None,
    ]
    name = approval.repository.rpartition("/")[2]
    digests = _pack_digests(content, sorted(approval.chain_ids))
    return name, _micros(approval.expires_at), digests, _dump(body)


def unpack_approval(digests: bytes, body: str) -> Approval:
    """The inverse of `pack_approval`."""
    content, chain_ids = unpack_digests(digests)
    repository, tags, approved, expires, approvers, reason, scanners, licences, is_pull = (
        json.loads(body)
    )
    return Approval(
        repository,
        frozenset(content),
        shared_words(tuple(tags)),
        frozenset(chain_ids),
        instant_of(approved),
        instant_of(expires),
        shared_words(tuple(approvers)),
        reason,
        shared_set(tuple(scanners)),
        shared_set(tuple(licences)),
        content[0] if is_pull else None,
    )


def pack_deny(deny: Deny) -> Packed:
    """A deny."""
    body = [deny.reason, deny.revoked, _micros(deny.denied_at), deny.by, deny.scope]
    ends = _micros(deny.expires_at)
    return None, ends, _pack_digests(sorted(deny.digests), ()), _dump(["deny", ends, *body])


def pack_waiver(waiver: Waiver) -> Packed:
    """A waiver."""
    ends = _micros(waiver.expires_at)
    body = ["waiver", ends, waiver.lifts, waiver.reason, waiver.owner]
    return None, ends, _pack_digests(sorted(waiver.digests), ()), _dump(body)


def unpack_other(digests: bytes, body: str) -> Deny | Waiver:
    """The inverse of `pack_deny` and `pack_waiver`."""
    content, _ = unpack_digests(digests)
    kind, ends, *rest = json.loads(body)
    if kind == "waiver":
        lifts, reason, owner = rest
        return Waiver(frozenset(content), lifts, reason, owner, _EPOCH + ends * _MICROSECOND)
    reason, revoked, denied, by, scope = rest
    end = instant_of(ends)
    return Deny(frozenset(content), reason, revoked, instant_of(denied), end, by, scope)


def pack_constraints(constraints: Constraints) -> str:
    """A level's constraints."""
    longest = constraints.longest_lifetime
    return _dump(
        [
            constraints.repositories,
            sorted(constraints.required_scanners),
            sorted(constraints.allowed_licences),
            None if longest is None else longest // _MICROSECOND,
            constraints.forbid_exemptions,
        ]
    )


def unpack_constraints(text: str) -> Constraints:
    """The inverse of `pack_constraints`."""
    repositories, scanners, licences, longest, forbid = json.loads(text)
    return Constraints(
        tuple(repositories),
        frozenset(scanners),
        frozenset(licences),
        None if longest is None else longest * _MICROSECOND,
        forbid,
    )


def unpack_digests(packed: bytes) -> tuple[list[Digest], list[Digest]]:
    """An entry's content digests (the one to pull by first) and chain IDs."""
    count = packed[0]
    if count == _OTHER:
        content, chain_ids = packed[1:].decode().split("|")
        return [*map(Digest.parse, content.split())], [*map(Digest.parse, chain_ids.split())]
    text = packed[1:].hex()
    every = [Digest("sha256", text[at : at + 64]) for at in range(0, len(text), 64)]
    return every[:count], every[count:]


@lru_cache(maxsize=1024)
def instant_of(micros: int | None) -> datetime | None:
    """An instant's column as UTC."""
    return None if micros is None else _EPOCH + micros * _MICROSECOND


def micros_of(instant: datetime) -> int:
    """An aware instant as its column."""
    return (instant - _EPOCH) // _MICROSECOND


def _micros(instant: datetime | None) -> int | None:
    return None if instant is None else micros_of(instant)


def _pack_digests(content: Sequence[Digest], chain_ids: Sequence[Digest]) -> bytes:
    every = (*content, *chain_ids)
    if len(content) < _OTHER and all(digest.algorithm == "sha256" for digest in every):
        return bytes((len(content),)) + bytes.fromhex("".join(digest.hex for digest in every))
    text = f"{' '.join(map(str, content))}|{' '.join(map(str, chain_ids))}"
    return bytes((_OTHER,)) + text.encode()


def _dump(values: list[Any]) -> str:
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False)
