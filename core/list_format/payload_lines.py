"""Reads approvals one by one, and the blobs that hold many; fetches nothing.

Every function raises `InvalidAllowlist`, and nothing else, for what is not of format 1.
"""

import hashlib
import zlib
from collections.abc import Iterator
from typing import Final

from core.allowlist import document
from core.base_errors import InvalidAllowlist
from core.image.digest import Digest
from core.list_format.payload import (
    BLOB_LIMIT,
    INFLATED_LIMIT,
    Blob,
    Drop,
    Platform,
    SignedApproval,
)
from core.list_format.payload_fields import Fields, decoded
from core.list_format.payload_pack import DICTIONARY, unpacked
from core.list_format.payload_write import approval_line

_AGAIN: Final = "publish again; if this persists, the server or something on the way alters files"


def approval_of_line(line: bytes, at: str = "$") -> SignedApproval:
    """An approval's canonical line; one that is spelt otherwise is refused, so that every reader
    hashes the same bytes."""
    approval = approval_at(Fields(at, decoded(line, at)))
    if approval_line(approval) != line:
        raise document.wrong_at(at, "it is not the canonical line", "publish again")
    return approval


def read_part(inflated: bytes, scope: str) -> Iterator[tuple[bytes, SignedApproval]]:
    """The canonical lines of a part with their approvals, one by one."""
    for number, line in enumerate(unpacked(inflated).splitlines(), start=1):
        yield line, approval_of_line(line, f"{scope}/part: line {number}: $")


def read_delta(inflated: bytes, scope: str = "") -> Iterator[SignedApproval | Drop]:
    """What changed, in its order."""
    for number, line in enumerate(unpacked(inflated).splitlines(), start=1):
        at = f"{scope}/delta: line {number}: $"
        if line.startswith(b'{"drop":'):
            fields = Fields(at, decoded(line, at))
            drop = Drop(document.digest_at(f"{at}.drop", fields.text("drop")))
            fields.done()
            yield drop
        else:
            yield approval_of_line(line, at)


def inflate(blob: bytes, limit: int = INFLATED_LIMIT) -> bytes:
    """A blob's content; never more than `limit` bytes of it come into being."""
    if len(blob) > BLOB_LIMIT:
        raise InvalidAllowlist(f"a blob of {len(blob)} bytes, {BLOB_LIMIT} at most", hint=_AGAIN)
    stream = zlib.decompressobj(zdict=DICTIONARY)
    try:
        content = stream.decompress(blob, limit + 1)
    except zlib.error as error:
        raise InvalidAllowlist(f"a blob is not zlib-compressed: {error}", hint=_AGAIN) from error
    if len(content) > limit:
        raise InvalidAllowlist(f"a blob inflates to more than {limit} bytes", hint=_AGAIN)
    if not stream.eof or stream.unused_data:
        raise InvalidAllowlist("a blob is cut short or has something after its end", hint=_AGAIN)
    return content


def content_of(blob: Blob, data: bytes) -> bytes:
    """The content of the blob that was named, once its length and SHA-256 are those named."""
    if len(data) != blob.length or hashlib.sha256(data).hexdigest() != blob.sha256:
        raise InvalidAllowlist(f"blob {blob.sha256}: these are other bytes", hint=_AGAIN)
    return inflate(data)


def approval_at(fields: Fields) -> SignedApproval:
    """An approval's JSON object."""
    at = fields.at
    named = document.digest_at(f"{at}.id", fields.text("id"))
    repository, tags = fields.text("repository"), fields.texts("tags")
    document.check_name(at, repository, tags)
    platforms = tuple(_platform(item) for item in fields.items("platforms", required=True))
    approval = SignedApproval(
        repository=repository,
        platforms=platforms,
        approved_at=document.instant_at(f"{at}.approved_at", fields.text("approved_at")),
        expires_at=document.instant_at(f"{at}.expires_at", fields.text("expires_at")),
        index=_digest(fields, "index"),
        tags=tuple(tags),
        requester=fields.text("requester", ""),
        approvers=document.shared_words(fields.words("approvers")),
        reason=fields.text("reason", ""),
        evidence=_digest(fields, "evidence"),
        scanners=document.shared_set(fields.words("scanners")),
        licences=document.shared_set(fields.words("licences")),
    )
    fields.done()
    _check_approval(at, approval, named)
    return approval


def _check_approval(at: str, approval: SignedApproval, named: Digest) -> None:
    if not approval.platforms:
        raise document.wrong_at(f"{at}.platforms", "it is empty", "name at least one platform")
    if not approval.approvers:
        raise document.wrong_at(f"{at}.approvers", "nobody approved it", "name who did")
    if approval.index is None and len(approval.platforms) > 1:
        raise document.wrong_at(at, "several platforms, but no index", "name the index's digest")
    if approval.id != named:
        fix = "write the digest by which it is pulled: the index's, or the only manifest's"
        raise document.wrong_at(f"{at}.id", "it is not one of the image's digests", fix)
    if approval.expires_at <= approval.approved_at:
        fix = "correct one of the two"
        raise document.wrong_at(f"{at}.expires_at", "it is not after approved_at", fix)


def _platform(fields: Fields) -> Platform:
    at = fields.at
    platform = Platform(
        fields.stated("platform"),
        document.digest_at(f"{at}.manifest", fields.text("manifest")),
        document.digest_at(f"{at}.config", fields.text("config")),
        document.digest_at(f"{at}.chain_id", fields.text("chain_id")),
    )
    fields.done()
    return platform


def _digest(fields: Fields, key: str) -> Digest | None:
    text = fields.text(key, None)
    return None if text is None else document.digest_at(f"{fields.at}.{key}", text)
