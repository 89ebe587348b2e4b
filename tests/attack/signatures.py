"""Attacks on who signs: wrong keys, too few, one key twice. Catalogue entries only."""

import json
from collections.abc import Sequence
from functools import partial

from securesystemslib.signer import CryptoSigner, Signer, SSlibKey

from tests.attack.metadata import ONLINE, SERVER, publish_evil, sign_online
from tests.attack.stage import HOST_SCOPE, Stage, add, attack
from tests.sync.repository import SignedRepository
from tests.sync.roles import new_key

ONE_KEY = "one administrator's key"


def wrong_key(role: str, stage: Stage) -> None:
    """A role is signed by keys that nobody named."""
    thief = stage.thief
    thief.keys[role] = [new_key("nobody-1"), new_key("nobody-2")]
    _release(stage, role)


def threshold_not_met(role: str, stage: Stage) -> None:
    """A role that two have to sign is signed by one of them."""
    stage.thief.keys[role] = stage.thief.keys[role][:1]
    _release(stage, role)


for signed in ("root", "targets", "acme", "emergency"):
    add(f"threshold-not-met-for-{signed}", ONE_KEY, partial(threshold_not_met, signed))
for signed in ("root", "targets", "acme", "emergency", "snapshot", "timestamp"):
    add(f"wrong-key-for-{signed}", SERVER, partial(wrong_key, signed))


@attack(SERVER)
def root_signed_by_new_keys_only(stage: Stage) -> None:
    """A new root names other keys, which sign it; the old ones do not."""
    thief = stage.thief
    thief.keys |= {role: [new_key(f"thief-{n}") for n in range(3)] for role in thief.keys}
    thief.publish_keys()
    publish_evil(stage)


@attack("all root keys but those in force")
def root_signed_by_old_keys_only(stage: Stage) -> None:
    """A new root is signed by the keys of the one before, not by those that it names."""
    thief = stage.thief
    old = thief.keys["root"]
    thief.keys["root"] = [new_key(f"root-new-{n}") for n in range(3)]
    thief.publish_keys()
    thief.resign("root", signers=old)


@attack("the root keys")
def root_that_skips_a_version(stage: Stage) -> None:
    """A file with the name of the next version holds the one after."""
    thief = stage.thief
    thief.publish_keys()
    thief.roles["root"].signed.version = 3
    data = thief.resign("root")
    thief.file("root", 2).write_bytes(data)


def one_key_under_two_ids(role: str, stage: Stage) -> None:
    """One key is listed under two key ids, and signs under both."""
    stage.admins.publish_keys()
    assert stage.sync().error == ""
    thief = stage.thief = stage.admins.fork()
    key = thief.keys[role][0]
    thief.keys[role] = [key, *twins(key)]
    if role in ("root", "targets"):
        thief.publish_keys()
        thief.resign("root", signers=[*stage.admins.keys["root"], *thief.keys["root"]])
    else:
        thief.publish_keys(root=False)
    _release(stage, role)


def twins(key: Signer) -> Sequence[Signer]:
    """The same private key, its public one named otherwise."""
    assert isinstance(key, CryptoSigner)
    public = key.public_key
    upper = {"public": public.keyval["public"].upper()}
    return [
        CryptoSigner(key._private_key, SSlibKey(keyid * 64, public.keytype, public.scheme, value))
        for keyid, value in (("a", dict(public.keyval)), ("b", upper))
    ]


for signed in ("root", "targets", "acme"):
    power = f"one key of {signed}, a mistaken delegation"
    add(f"one-key-under-two-ids-for-{signed}", power, partial(one_key_under_two_ids, signed))


@attack(ONE_KEY)
def one_signature_twice(stage: Stage) -> None:
    """A new list carries the same signature twice."""
    publish_evil(stage)
    file = stage.thief.file("acme")
    document = json.loads(file.read_bytes())
    document["signatures"] = document["signatures"][:1] * 2
    file.write_bytes(json.dumps(document).encode())


@attack("the project's keys")
def lower_scope_signs_for_upper(stage: Stage) -> None:
    """The keys of a project sign the organization's list."""
    stage.thief.keys["acme"] = stage.thief.keys[HOST_SCOPE]
    publish_evil(stage)


@attack(ONLINE)
def online_keys_sign_a_list(stage: Stage) -> None:
    """The online keys sign the organization's list."""
    thief = stage.thief
    thief.keys["acme"] = [*thief.keys["snapshot"], *thief.keys["timestamp"]]
    publish_evil(stage)


@attack(SERVER)
def another_repository(stage: Stage) -> None:
    """Another organization's whole repository is served, of the same names."""
    other = SignedRepository(stage.directory.parent / "other", stage.admins.scopes)
    for _ in range(5):
        other.publish_keys()
    other.approve("acme", "evil2")
    other.publish()
    for file, data in other.files().items():
        place = stage.admins.path / file.relative_to(other.path)
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(data)


def _release(stage: Stage, role: str) -> None:
    """Publish something new that this role vouches for."""
    thief = stage.thief
    if role == "root":
        thief.publish_keys()
    elif role == "targets":
        thief.release("targets")
        sign_online(stage)
    if role == "emergency":
        thief.deny(role, "pay", expires_at="2026-11-24T00:00:00Z")
        thief.publish()
    else:
        publish_evil(stage)
