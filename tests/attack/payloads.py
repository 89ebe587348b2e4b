"""Attacks inside of rightly signed files: documents and blobs that say what they may not."""

import hashlib
import json
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.attack.delegations import LIFT
from tests.attack.metadata import sign_online
from tests.attack.stage import HOST_SCOPE, Stage, add, attack
from tests.sync.documents import Document, approval, deny, joined, line, state

QUORUM = "the organization's keys"
OWN = "the host's own scope's keys"
STOCK = "accepted: it does not read payloads"
BIG = 10**400


def rewritten(name: str, edit: Callable[[bytes], bytes], stage: Stage) -> None:
    """The organization signs a file whose bytes were spoilt before."""
    thief = stage.thief
    thief.approve("acme", "evil2")
    thief.deny("acme", "pay")
    content = thief.contents["acme"]
    content.sequence += 1
    content.deny_sequence += 1
    if name == "list.json":  # the denies alone would be adopted, as they should
        content.denies.pop()
        content.deny_sequence -= 1
    thief.draft("acme", edit=lambda file, data: edit(data) if file == name else data)
    thief.release("acme")
    sign_online(stage)


def said(extra: Document, stage: Stage) -> None:
    """The organization's list says something that the format does not allow."""
    stage.thief.contents["acme"].extra = extra
    stage.thief.approve("acme", "evil2")
    stage.thief.publish()


def twice(data: bytes) -> bytes:
    """The document, its first key there once more with another value."""
    return data.replace(b"{", b'{"format": 2, ', 1)


def emptied(data: bytes) -> bytes:
    """The document with a second, empty `denies` (or `approvals`) at its end."""
    key = b"denies" if b'"denies"' in data else b"approvals"
    return data[:-1] + b', "' + key + b'": []}'


SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "duplicate-format": twice,
    "duplicate-entries": emptied,
    "deep-nesting": lambda data: data[:-1] + b', "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "huge-number": lambda data: data.replace(b'"sequence": ', b'"sequence": ' + b"9" * 400, 1),
    "endless-digits": lambda data: data.replace(b'"sequence": ', b'"sequence": ' + b"9" * 9000, 1),
    "sequence-of-infinity": lambda data: _changed(data, sequence=float("inf")),
    "sequence-of-no-number": lambda data: _changed(data, sequence=float("nan")),
    "sequence-as-text": lambda data: _changed(data, sequence="9"),
    "sequence-true": lambda data: _changed(data, sequence=True),
    "sequence-negative": lambda data: _changed(data, sequence=-1),
    "sequence-back": lambda data: _changed(data, sequence=0),
    "unknown-format": lambda data: _changed(data, format=2),
    "format-as-text": lambda data: _changed(data, format="1"),
    "no-format": lambda data: json.dumps({**json.loads(data), "format": None}).encode(),
    "another-scope": lambda data: _changed(data, scope=HOST_SCOPE),
    "unknown-key": lambda data: _changed(data, allow_everything=True),
    "over-1-MiB": lambda data: data + b" " * (1 << 20),
    "no-utf-8": lambda data: data.replace(b"acme", b"acm\xe9", 1),
    "utf-16": lambda data: data.decode().encode("utf-16"),
    "half-a-character": lambda data: _changed(data, contact="\ud800"),
    "an-array": lambda data: b"[" + data + b"]",
    "empty-file": lambda _: b"",
    "two-documents": lambda data: data + data,
    "nul-at-the-end": lambda data: data + b"\0",
}


def _changed(data: bytes, **changes: Any) -> bytes:
    return json.dumps({**json.loads(data), **changes}).encode()


for spoilt, edit in SPOILT.items():
    for name in ("deny", "list"):
        mount = partial(rewritten, f"{name}.json", edit)
        add(f"{spoilt}-in-{name}", QUORUM, mount, stock=STOCK)

EVIL = approval("evil2")


def only(**changes: Any) -> Document:
    """A list of this one approval, rightly counted and summed up."""
    entry = {**EVIL, **changes}
    return {"approvals": [entry], "count": 1, "state": state([entry])}


SAID: dict[str, Document] = {
    "count-too-low": {"count": 0},
    "count-huge": {"count": BIG},
    "state-of-another-set": {"state": state([approval("pay")])},
    "one-approval-twice": {"approvals": [EVIL, EVIL], "count": 2, "state": state([EVIL, EVIL])},
    "approval-that-never-ends": only(expires_at=""),
    "approval-of-year-9999999": only(expires_at="9999999-01-01T00:00:00Z"),
    "approval-under-anothers-id": only(id=approval("pay")["id"]),
    "approval-by-nobody": only(approvers=[]),
    "approval-of-no-platform": only(platforms=[]),
    "approval-with-an-unknown-key": only(allow="everything"),
    "digest-in-capitals": only(id=EVIL["id"].upper()),
    "waiver-that-never-ends": {"waivers": [LIFT]},
    "waiver-without-owner": {"waivers": [{**LIFT, "owner": " ", "expires_at": "2027-01-01"}]},
    "stale-policy-that-is-none": {"policy": {"max_stale_seconds": 1, "when_too_stale": "open"}},
    "stale-for-ever": {"policy": {"max_stale_seconds": BIG, "when_too_stale": "hold"}},
}
for what, extra in SAID.items():
    add(what, QUORUM, partial(said, extra), stock=STOCK)


@attack(OWN, stock=STOCK)
def policy_of_a_lower_scope(stage: Stage) -> None:
    """A project sets how long its hosts may go without news."""
    stage.thief.contents[HOST_SCOPE].policy = {"max_stale_seconds": 9, "when_too_stale": "hold"}
    stage.thief.publish()


@attack(OWN, stock=STOCK)
def deny_with_an_end_outside_of_emergency(stage: Stage) -> None:
    """A scope's deny ends by itself."""
    stage.thief.deny(HOST_SCOPE, deny("web", expires_at="2026-11-24T00:00:00Z"))
    stage.thief.publish()


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
