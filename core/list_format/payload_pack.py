"""The dense form of a part or a delta: its digests' raw bytes apart from the rest of its lines.

Digests are most of a line and do not compress: as hexadecimal text they cost an eighth more.
"""

import re
import zlib
from typing import Final

from core.base_errors import InvalidAllowlist
from core.list_format.payload import INFLATED_LIMIT

_MARK: Final = b"\x01"  # what a dense content begins with; no line of JSON does
_HOLE: Final = b"\x00"  # the place of a digest; JSON has no such byte
_DIGEST: Final = re.compile(rb"sha256:([0-9a-f]{64})")
_SIZE: Final = 32

# What a line looks like before any was seen (RFC 1950, "preset dictionary"): a delta is too short
# to learn it. A part of format 1: to change one byte of it is to make another format.
DICTIONARY: Final = (
    b'{"drop":"\0"}\n{"approved_at":"2026-01-01T00:00:00Z","approvers":[""],"evidence":"\0",'
    b'"expires_at":"2027-01-01T00:00:00Z","id":"\0","index":"\0","licences":["Apache-2.0","MIT"],'
    b'"platforms":[{"chain_id":"\0","config":"\0","manifest":"\0","platform":"linux/amd64"},'
    b'{"chain_id":"\0","config":"\0","manifest":"\0","platform":"linux/arm64"}],"reason":"",'
    b'"repository":"registry.","requester":"","scanners":["grype","trivy"],"tags":["1.0"]}\n'
)


def pack(lines: bytes) -> bytes:
    """Lines as a compressed blob."""
    digests = b"".join(bytes.fromhex(d.decode()) for d in _DIGEST.findall(lines))
    stream = zlib.compressobj(9, zdict=DICTIONARY)
    # A block of its own for the digests, so that the text's code is made for text.
    text = stream.compress(_MARK + _DIGEST.sub(_HOLE, lines) + b"\n" + _MARK)
    return text + stream.flush(zlib.Z_FULL_FLUSH) + stream.compress(digests) + stream.flush()


def unpacked(content: bytes) -> bytes:
    """The lines of an inflated blob, dense or not; `InvalidAllowlist` for a dense one that is not
    whole."""
    if not content.startswith(_MARK):
        return content
    text, mark, digests = content[1:].partition(b"\n" + _MARK)
    holes = text.count(_HOLE)
    if not mark or holes * _SIZE != len(digests):
        raise InvalidAllowlist("a dense blob is not whole", hint="publish again")
    if len(text) + holes * (len("sha256:") + 2 * _SIZE) > INFLATED_LIMIT:
        raise InvalidAllowlist(f"a blob holds more than {INFLATED_LIMIT} bytes", hint="cut it")
    pieces = text.split(_HOLE)
    names = digests.hex().encode()
    found = [pieces[0]]
    for number, piece in enumerate(pieces[1:]):
        at = number * 2 * _SIZE
        found += (b"sha256:", names[at : at + 2 * _SIZE], piece)
    return b"".join(found)
