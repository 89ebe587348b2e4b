"""Keys: who may join, who counts, what happens when one goes."""

import contextlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from registrar.keys import sealed_key
from registrar.keys.key_folder import KeyFolder, material, read_private, tuf_key
from registrar.keys.sealed_key import seal, unseal
from registrar.registrar_errors import KeyUnusable
from tests.registrar.ceremony import PASSPHRASE, Ceremony

MEANT_COST = sealed_key.COST  # before tests/conftest.py makes it cheap


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
    (team.folder / "wrong").chmod(0o600)
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


@pytest.mark.parametrize(
    "weak",
    [
        "short words",
        "aaaaaaaaaaaaaaaa",
        "password1234",
        "Password!Password!",
        "qwertyuiop12",
        "12345678901234",
    ],
)
def test_a_weak_passphrase_makes_no_key(tmp_path: Path, weak: str) -> None:
    with pytest.raises(KeyUnusable, match="too weak"):
        KeyFolder(tmp_path).create("eve", weak)
    assert not list(tmp_path.iterdir())


@given(st.binary(max_size=200), st.text(max_size=40), st.text(max_size=40))
def test_only_the_passphrase_opens_a_sealed_key(plain: bytes, right: str, wrong: str) -> None:
    sealed = seal(plain, right)
    assert unseal(sealed, right) == plain
    if wrong != right:
        with pytest.raises(ValueError, match="does not open"):
            unseal(sealed, wrong)


@given(st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_a_changed_key_file_does_not_open(position: int, change: bytes) -> None:
    whole = seal(b"the private key", PASSPHRASE)
    sealed = whole[:position] + change + whole[position + len(change) :]
    with contextlib.suppress(ValueError):
        assert unseal(sealed, PASSPHRASE) == b"the private key"  # the change had no meaning


def test_the_cost_of_a_new_key_is_in_its_file() -> None:
    document = json.loads(seal(b"x", PASSPHRASE))
    assert (document["kdf"], document["n"]) == ("scrypt", sealed_key.COST)
    assert MEANT_COST >= 1 << 17


@pytest.mark.parametrize("mode", [0o666, 0o644, 0o620])
def test_a_key_that_others_may_touch_is_refused(team: Ceremony, mode: int) -> None:
    team.approve(1)
    (team.keys / "ann.key").chmod(mode)
    out = team.run("sign", "--key", "ann", "--yes", code=1)
    assert f"mode {mode:04o}" in out
    assert "chmod 600" in out


def test_a_passphrase_file_that_others_may_read_is_refused(team: Ceremony) -> None:
    team.approve(1)
    file = team.folder / "words"
    file.write_text(PASSPHRASE)
    file.chmod(0o644)
    words = ("sign", "--key", "ann", "--yes", "--passphrase-file", str(file))
    assert "others may read" in team.run(*words, code=1)
    file.chmod(0o440)  # as systemd hands credentials over
    team.run(*words)


def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "words"
    file.write_text(PASSPHRASE)
    file.chmod(0o600)
    os.chown(file, 12345, 12345)
    with pytest.raises(KeyUnusable, match="another user"):
        read_private(file, "")


def test_private_keys_do_not_lie_in_the_workspace(team: Ceremony) -> None:
    inside = str(team.path / "secret")
    out = team.run("key", "new", "eve", "--keys", inside, code=1)
    assert "must not lie in the workspace" in out
    assert not (team.path / "secret").exists()


def test_gits_hooks_see_no_passphrase(tmp_path: Path) -> None:
    admin = Ceremony(tmp_path).start(git=True)
    seen, hook = tmp_path / "seen", admin.path / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nenv >{seen}\n")
    hook.chmod(0o755)
    admin.run("scope", "add", "acme.pay")
    assert "PATH=" in seen.read_text()
    assert "DOCKWARDEN_PASSPHRASE" not in seen.read_text()
    assert PASSPHRASE not in seen.read_text()
