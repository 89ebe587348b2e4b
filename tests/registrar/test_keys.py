"""Keys: who may join, who counts, what happens when one goes."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from registrar.repository.key_folder import KeyFolder, material, tuf_key
from tests.registrar.ceremony import PASSPHRASE, Ceremony


@pytest.fixture
def team(tmp_path: Path) -> Ceremony:
    made = Ceremony(tmp_path).start_team().signed_by("ann", "bob")
    made.run("publish")
    return made


def test_the_same_public_key_twice_is_refused(team: Ceremony) -> None:
    public = team.path / "keys" / "ann.json"
    document = json.loads(public.read_bytes()) | {"name": "eve"}
    copy = team.folder / "eve.json"
    copy.write_text(json.dumps(document))
    out = team.run("key", "enroll", "eve", "--public", str(copy), "--role", "acme", code=1)
    assert "the same public key as ann's" in out
    (team.path / "keys" / "eve.json").write_text(json.dumps(document))
    assert "the same public key as ann's" in team.run("status", code=1)


def test_a_key_under_another_id_is_the_same_key(team: Ceremony) -> None:
    ann = team.workspace.keys()["ann"]
    assert material(tuf_key(ann)) == material(tuf_key(replace(ann, keyid="0" * 64)))


def test_a_key_id_that_is_not_the_keys_is_refused(team: Ceremony) -> None:
    made = KeyFolder(team.folder / "elsewhere").create("eve", PASSPHRASE)
    copy = team.folder / "eve.json"
    copy.write_text(
        json.dumps(
            {
                "name": "eve",
                "keyid": "0" * 64,
                "keytype": made.keytype,
                "scheme": made.scheme,
                "public": made.public,
            }
        )
    )
    out = team.run("key", "enroll", "eve", "--public", str(copy), code=1)
    assert "key id" in out


def test_a_p256_key_signs_like_any_other(team: Ceremony, tmp_path: Path) -> None:
    team.run("key", "new", "dan", "--kind", "p256", "--role", "acme")
    team.signed_by("ann", "bob").run("publish")
    team.approve(1)
    team.signed_by("dan", "ann").run("publish")
    assert json.loads(team.read("acme/list.json", tmp_path / "cache"))["count"] == 1
    assert "ann, dan" in team.run("verify")


@pytest.mark.parametrize("uri", ["file2:/tmp/key.pem", "carrier-pigeon:coop", "plain"])
def test_a_uri_that_nobody_signs_for_is_refused(team: Ceremony, uri: str) -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).public_key()
    path = team.folder / "pub.pem"
    path.write_bytes(pem.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    out = team.run("key", "enroll", "hsm", "--public", str(path), "--uri", uri, code=1)
    assert "no signer" in out


def test_a_devices_key_is_enrolled_with_its_uri(team: Ceremony) -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).public_key()
    path = team.folder / "pub.pem"
    path.write_bytes(pem.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    uri = "hsm:2?label=YubiKey"
    team.run("key", "enroll", "eve", "--public", str(path), "--uri", uri, "--role", "acme")
    assert team.workspace.keys()["eve"].uri == uri
    assert uri in team.run("key", "list")


def test_an_rsa_key_is_refused(team: Ceremony) -> None:
    pem = rsa.generate_private_key(65537, 2048).public_key()
    path = team.folder / "pub.pem"
    path.write_bytes(pem.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert "neither" in team.run("key", "enroll", "eve", "--public", str(path), code=1)


def test_a_wrong_passphrase_signs_nothing(team: Ceremony) -> None:
    team.approve(1)
    (team.folder / "wrong").write_text("not that one\n")
    wrong = ["--passphrase-file", str(team.folder / "wrong")]
    assert "does not open" in team.run("sign", "--key", "ann", "--yes", *wrong, code=1)
    assert not list(team.path.glob("pending/*/metadata.json"))


def test_the_successor_of_a_root_key_needs_old_and_new(team: Ceremony, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    team.read("acme/list.json", cache)
    team.run("key", "rotate", "cid", "dan")
    team.signed_by("dan", "ann")
    assert "1 of 2 administrators have signed root (as it was): ann" in team.run("status")
    team.run("publish", code=1)
    team.signed_by("bob").run("publish")
    assert json.loads(team.read("acme/list.json", cache))["scope"] == "acme"  # from root 1 to 2
    team.approve(1)
    out = team.run("sign", "--key", "cid", "--role", "acme", "--yes", code=1)
    assert "cid may not sign it" in out


def test_a_revoked_signature_no_longer_counts(team: Ceremony) -> None:
    team.run("key", "new", "dan", "--role", "administrator")
    team.run("key", "revoke", "ann")
    out = team.run("review")
    assert "scope acme: ann may no longer sign" in out
    assert "acme\n" in out, "ann and bob signed the list: without ann it has to be signed again"
    team.signed_by("ann", "bob", "cid").run("publish")
    assert "bob, cid" in team.run("verify")


def test_a_key_without_which_too_few_are_left_is_not_withdrawn(team: Ceremony) -> None:
    team.run("key", "revoke", "cid")
    before = (team.path / "registrar.toml").read_bytes()
    assert "only 1 could without bob" in team.run("key", "revoke", "bob", code=1)
    assert (team.path / "registrar.toml").read_bytes() == before


def test_an_online_key_is_rotated_without_a_break(team: Ceremony, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    team.read("acme/list.json", cache)
    team.run("key", "rotate", "online-timestamp", "online-timestamp-2")
    team.signed_by("ann", "bob").run("publish")
    team.read("acme/list.json", cache)
    team.run("timestamp")
    team.read("acme/list.json", cache)


def test_a_stranger_cannot_sign_for_an_administrator(team: Ceremony, tmp_path: Path) -> None:
    team.approve(1)
    team.signed_by("ann")
    ann = team.path / "pending" / "acme" / "signatures" / "ann.json"
    bob = team.workspace.keys()["bob"]
    forged = json.loads(ann.read_bytes()) | {"keyid": bob.keyid}
    ann.with_name("bob.json").write_text(json.dumps(forged))
    assert "1 of 2 administrators have signed acme: ann" in team.run("publish", code=1)
    assert json.loads(team.read("acme/list.json", tmp_path / "cache"))["count"] == 0
