"""Break-glass tokens against the real helper and real signatures; what of them the disk keeps."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner

from agent.adapters.list_sync import BreakGlassFile, Helper, HelperVerifier, NoVerifier, host_id
from agent.helpers.sync.token import verified
from core.allowlist.break_glass_token import (
    PAYLOAD_TYPE,
    Active,
    BreakGlassState,
    InvalidToken,
    Token,
    token_bytes,
)
from core.base_errors import DockwardenError
from tests.patience import PATIENCE

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MACHINE = "0123456789abcdef0123456789abcdef\n"
HOST = "1" * 32
TOKEN = Token(HOST, "2" * 32, NOW, NOW + timedelta(hours=2), "the list is wrong", "carol")
SIGNER = CryptoSigner.generate_ed25519()
OTHER = CryptoSigner.generate_ecdsa()


def adopted(directory: Path, *signers: CryptoSigner, scope: str = "acme") -> Path:
    """A generation in force whose organization names these keys."""
    keys = [{"keyid": s.public_key.keyid, **s.public_key.to_dict()} for s in signers]
    payload = directory / "3" / "payload"
    payload.mkdir(parents=True)
    (directory / "CURRENT").write_text("3\n")
    document = {"format": 1, "policy": {"break_glass_keys": keys}}
    (payload / f"{scope}.list.json").write_text(json.dumps(document))
    (payload / "acme.pay.list.json").write_text('{"policy": {"break_glass_keys": [1]}}')
    return directory


def envelope(token: Token = TOKEN, signer: CryptoSigner = SIGNER, kind: str = PAYLOAD_TYPE) -> Any:
    made = Envelope(token_bytes(token), kind, {})
    made.sign(signer)
    return made.to_dict()


def check(directory: Path, document: Any, now: datetime = NOW) -> bytes:
    return verified(json.dumps(document).encode(), directory, HOST, now)


@pytest.mark.parametrize("signer", [SIGNER, OTHER], ids=["ed25519", "ecdsa"])
def test_a_token_of_a_listed_key_counts(tmp_path: Path, signer: CryptoSigner) -> None:
    directory = adopted(tmp_path, SIGNER, OTHER)
    made = envelope(signer=signer)
    assert check(directory, made) == token_bytes(TOKEN)
    word = base64.urlsafe_b64encode(json.dumps(envelope(signer=signer)).encode()).rstrip(b"=")
    assert verified(word + b"\n", directory, HOST, NOW) == token_bytes(TOKEN)


def swapped(document: Any, token: Token) -> Any:
    return {**document, "payload": base64.b64encode(token_bytes(token)).decode()}


LATER = replace(TOKEN, expires_at=NOW + timedelta(hours=4))


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (envelope(signer=OTHER), "no break-glass key"),
        (swapped(envelope(), LATER), "no break-glass key"),
        (envelope(kind="application/vnd.in-toto+json"), "something else"),
        (envelope(replace(TOKEN, host="3" * 32)), "for the host 333"),
        (envelope(replace(TOKEN, expires_at=NOW + timedelta(hours=5))), "longer than 4 hours"),
        ({**envelope(), "signatures": []}, "no break-glass key"),
        ({"payload": "x"}, "not a signed envelope"),
        ({**envelope(), "signatures": [{"keyid": 1}]}, "not a signed envelope"),
        ({**envelope(), "signatures": 7}, "not a signed envelope"),
        ([], "this is not a token"),
        ({"x": "y" * 20_000}, "not an envelope"),
    ],
)
def test_what_is_no_good_token_is_refused(tmp_path: Path, document: Any, words: str) -> None:
    with pytest.raises(InvalidToken, match=words):
        check(adopted(tmp_path, SIGNER), document)


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (TOKEN.expires_at, "ended on"),
        (NOW - timedelta(minutes=5, seconds=1), "from the future"),
    ],
)
def test_a_token_counts_in_its_time_only(tmp_path: Path, now: datetime, words: str) -> None:
    with pytest.raises(InvalidToken, match=words):
        check(adopted(tmp_path, SIGNER), envelope(), now)


def test_garbage_is_no_token(tmp_path: Path) -> None:
    directory = adopted(tmp_path, SIGNER)
    for token in (b"", b"hello", b"{", b"\xff\xfe", b"e30", b"[" * 30_000):
        with pytest.raises(InvalidToken):
            verified(token, directory, HOST, NOW)


def test_without_keys_or_without_a_list_no_token_counts(tmp_path: Path) -> None:
    with pytest.raises(InvalidToken, match="no signed allowlist"):
        check(tmp_path / "none", envelope())
    with pytest.raises(InvalidToken, match="names no break-glass key"):
        check(adopted(tmp_path / "a"), envelope())
    with pytest.raises(InvalidToken, match="names no break-glass key"):
        check(adopted(tmp_path / "b", SIGNER, scope="acme.web"), envelope())
    with pytest.raises(InvalidToken, match="no signed allowlist"):
        NoVerifier().verify(b"", NOW)


def test_the_helper_verifies_for_the_daemon(tmp_path: Path) -> None:
    machine = tmp_path / "machine-id"
    machine.write_text(MACHINE)
    directory = adopted(tmp_path / "lists", SIGNER)
    verifier = HelperVerifier(
        Helper(PATIENCE, module="agent.helpers.sync.token"), str(directory), machine
    )
    token = replace(TOKEN, host=verifier.host)
    assert verifier.verify(json.dumps(envelope(token)).encode(), NOW) == token
    with pytest.raises(InvalidToken, match="no break-glass key"):
        verifier.verify(json.dumps(envelope(token, OTHER)).encode(), NOW)


def test_the_hosts_id_does_not_reveal_its_machine_id(tmp_path: Path) -> None:
    path = tmp_path / "machine-id"
    path.write_text(MACHINE)
    found = host_id(path)
    assert len(found) == 32
    assert found not in MACHINE
    path.write_text(MACHINE.replace("0", "1"))
    assert host_id(path) != found
    for content in ("", "uninitialized\n"):
        path.write_text(content)
        with pytest.raises(DockwardenError):
            host_id(path)


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    file = BreakGlassFile(tmp_path / "break-glass.json")
    assert file.read() == BreakGlassState()
    active = Active(TOKEN, NOW, 7199.5, NOW + timedelta(seconds=1))
    for state in (BreakGlassState(("a", "b")), BreakGlassState(("b",), active)):
        file.write(state)
        assert file.read() == state


@pytest.mark.parametrize("content", ["", "[]", '{"nonces": 3}', '{"nonces": [], "active": {}}'])
def test_a_spoilt_state_is_an_error_and_no_crash(tmp_path: Path, content: str) -> None:
    path = tmp_path / "break-glass.json"
    path.write_text(content)
    with pytest.raises(DockwardenError):
        BreakGlassFile(path).read()
