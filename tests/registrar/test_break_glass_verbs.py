"""`break-glass issue`: what it makes a host takes, and it makes nothing else."""

import base64
import json
from pathlib import Path

import pytest
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError

from core.allowlist.break_glass_token import PAYLOAD_TYPE, check_token, token_of
from registrar.keys.key_folder import tuf_key
from registrar.registrar_clock import now
from tests.registrar.admin_folder import PASSPHRASE, AdminFolder, Ran

HOST, NONCE = "a" * 32, "b" * 32


@pytest.fixture
def admin(tmp_path: Path) -> AdminFolder:
    return AdminFolder(tmp_path)


def allow(admin: AdminFolder, key: str = "ann") -> None:
    words = ("--break-glass-key", key, "--reason", "on call", "-y")
    admin.fine("policy", "set", "--scope", "acme", *words)


def issue(admin: AdminFolder, *more: object, key: str = "ann", nonce: str = NONCE) -> Ran:
    secret = admin.path.parent / "passphrase"
    secret.write_text(f"{PASSPHRASE}\n")
    secret.chmod(0o600)
    words = ("--host", HOST, "--nonce", nonce, "--key", key, "--reason", "INC-42")
    keys = ("--keys", admin.keys, "--passphrase-file", secret)
    return admin.run("break-glass", "issue", *words, *keys, *more)


def test_a_token_is_for_this_host_and_signed_by_a_key_of_the_policy(admin: AdminFolder) -> None:
    allow(admin)
    word = issue(admin, "--hours", "2").out.strip()
    document = json.loads(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)))
    envelope = Envelope.from_dict(document)
    keys = admin.workspace.keys()
    envelope.verify([tuf_key(keys["ann"])], 1)
    with pytest.raises(VerificationError):
        envelope.verify([tuf_key(keys["bob"])], 1)
    assert envelope.payload_type == PAYLOAD_TYPE
    token = token_of(envelope.payload)
    check_token(token, host=HOST, now=now())
    assert (token.nonce, token.reason, token.issued_by) == (NONCE, "INC-42", "ann")
    assert (token.expires_at - token.issued_at).total_seconds() == 7200


def test_a_token_goes_to_a_file_that_only_its_owner_reads(
    admin: AdminFolder, tmp_path: Path
) -> None:
    allow(admin)
    ran = issue(admin, "--to", tmp_path / "token", "--issued-by", "Ann, on call")
    assert (ran.code, ran.out) == (0, "")
    payload = base64.b64decode(json.loads((tmp_path / "token").read_text())["payload"])
    assert token_of(payload).issued_by == "Ann, on call"
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--hours", "4.1"), "at most 4"),
        (("--hours", "0"), "more than 0"),
        (("--hours", "nan"), "more than 0"),
        (("--issued-by", "x" * 101), "issued_by"),
    ],
)
def test_a_token_that_no_host_would_take_is_not_made(
    admin: AdminFolder, options: tuple[str, ...], word: str
) -> None:
    allow(admin)
    ran = issue(admin, *options)
    assert (ran.code, ran.out) == (1, "")
    assert word in ran.err


def test_a_wrong_nonce_is_reported(admin: AdminFolder) -> None:
    allow(admin)
    ran = issue(admin, nonce="short")
    assert "nonce is not 32 lower-case hexadecimal digits" in ran.err


def test_only_keys_of_the_policy_issue(admin: AdminFolder) -> None:
    allow(admin, "bob")
    ran = issue(admin)
    assert (ran.code, ran.out) == (1, "")
    assert "policy set --scope acme --break-glass-key ann" in ran.err
    assert "enrolled are ann, bob" in issue(admin, key="eve").err


def test_a_wrong_passphrase_makes_no_token(admin: AdminFolder, tmp_path: Path) -> None:
    allow(admin)
    (tmp_path / "wrong").write_text("not that")
    (tmp_path / "wrong").chmod(0o600)
    ran = issue(admin, "--passphrase-file", tmp_path / "wrong")
    assert (ran.code, ran.out) == (1, "")
    assert "wrong passphrase" in ran.err
