"""Attacks on the parts of long lists: blobs spoilt on the way, or signed as they should not be."""

import hashlib
import json
import zlib
from collections.abc import Callable
from functools import partial

from tests.attack.payloads import EVIL, OWN, STOCK
from tests.attack.stage import HOST_SCOPE, Stage, add, attack
from tests.sync.documents import Document, joined, line


@attack(OWN, long=True, stock=STOCK)
def delta_that_does_not_lead_there(stage: Stage) -> None:
    """A delta brings another approval than the one that count and state speak of; the base that
    the list names instead of it is not served."""
    thief = stage.thief
    thief.contents[HOST_SCOPE].delta_of = lambda *_: zlib.compress(joined([line(EVIL)]))
    thief.approve(HOST_SCOPE, "new")
    thief.publish()


def long_list(spoil: Callable[[Stage], None], stage: Stage) -> None:
    """The host's scope cuts a new base, and something is wrong with its blobs."""
    content = stage.thief.contents[HOST_SCOPE]
    content.base, content.deltas = {}, []
    stage.thief.approve(HOST_SCOPE, "evil2")
    spoil(stage)
    stage.thief.publish()


def stored(change: Callable[[bytes], bytes], described: bool, stage: Stage) -> None:
    """Blobs are changed as they are stored; `described` ones are signed as they became."""
    thief = stage.thief
    keep = thief.put_blob

    def put(data: bytes) -> Document:
        spoilt = change(data)
        named = spoilt if described else data
        where = hashlib.sha256(named).hexdigest()
        (thief.path / "blobs" / where).write_bytes(spoilt)
        return {"sha256": where, "length": len(named)} if spoilt != data else keep(data)

    thief.put_blob = put  # type: ignore[method-assign] # this hand's own


def in_parts(text: bytes) -> Callable[[bytes], bytes]:
    """This instead of every part, but not instead of the base that lists them."""

    def change(data: bytes) -> bytes:
        is_base = zlib.decompress(data).startswith(b'{"format"')
        return data if is_base else zlib.compress(text)

    return change


def bomb(_: bytes) -> bytes:
    """128 KiB that inflate to 128 MiB, twice what is allowed."""
    packer = zlib.compressobj(1)
    zeros = bytes(1 << 20)
    return b"".join(packer.compress(zeros) for _ in range(128)) + packer.flush()


for wrong, change, described in (
    ("blob-with-other-bytes", lambda data: data[:-1] + b"\0", False),
    ("blob-cut-short", lambda data: data[:-1], False),
    ("blob-too-long", lambda data: data + b"\0", False),
    ("signed-blob-cut-short", lambda data: data[:-1], True),
    ("signed-blob-with-more-at-its-end", lambda data: data + b"\0", True),
    ("blob-of-no-zlib", lambda _: b"PK not zlib", True),
    ("blob-that-inflates-too-far", bomb, True),
    ("part-of-no-approvals", in_parts(b"[1, 2]"), True),
    (
        "part-in-another-spelling",
        in_parts(json.dumps(EVIL).encode()),
        True,
    ),
):
    mount = partial(long_list, partial(stored, change, described))
    add(wrong, OWN if described else "the server", mount, long=True, stock=STOCK)


@attack(OWN, long=True, stock=STOCK)
def base_that_is_a_path(stage: Stage) -> None:
    """A blob's name leads out of its folder."""
    content = stage.thief.contents[HOST_SCOPE]
    content.extra = {"base": {"sequence": 1, "sha256": "../../root.json", "length": 10}}
    stage.thief.publish()
