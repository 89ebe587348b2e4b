"""Attacks inside of rightly signed files: documents and blobs that say what they may not."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.attack.delegations import LIFT
from tests.attack.metadata import sign_online
from tests.attack.stage import HOST_SCOPE, Stage, add, attack
from tests.sync.documents import Document, approval, deny, state

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
