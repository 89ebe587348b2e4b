"""The public halves of the administrators' keys: one small file a name; no private key is here."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.base_errors import InvalidAllowlist
from core.list_format.payload_fields import Fields, decoded
from registrar.registrar_errors import KeyUnusable, WorkspaceInvalid

SCHEMES: Final = ("ed25519", "ecdsa-sha2-nistp256")
_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_LONGEST_NAME: Final = 60


@dataclass(frozen=True, slots=True)
class EnrolledKey:
    """A public key and the name of who holds it. `uri` says where a device or service keeps the
    private half (securesystemslib's signer URIs); empty for an encrypted file."""

    name: str
    keyid: str
    keytype: str
    scheme: str
    public: str
    uri: str = ""


def check_key_name(name: str) -> str:
    """The name, once it is one; raises `KeyUnusable`."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise KeyUnusable(
            f"{name[:80]!r} is not a name for a key",
            hint="use words of a-z and 0-9 joined by . - or _, such as ann or ann-2027",
        )
    return name


def read_keys(directory: Path) -> dict[str, EnrolledKey]:
    """Every enrolled key by name. One public key under two names is refused: it would count as
    two administrators. Raises `WorkspaceInvalid` or `InvalidAllowlist` naming file and key."""
    keys: dict[str, EnrolledKey] = {}
    holder: dict[str, str] = {}
    for path in sorted(directory.glob("*.json")):
        key = key_of(path.read_bytes(), f"keys/{path.name}")
        if key.name != path.stem:
            raise WorkspaceInvalid(
                f"keys/{path.name}: $.name: it is {key.name!r}", hint=f"name the file {key.name}"
            )
        if (other := holder.setdefault(key.public, key.name)) != key.name:
            raise WorkspaceInvalid(
                f"keys/{path.name}: it is the same public key as {other}'s",
                hint="each administrator needs a key of their own; remove one of the two files",
            )
        keys[key.name] = key
    return keys


def key_of(data: bytes, at: str) -> EnrolledKey:
    """A public half from its file."""
    try:
        fields = Fields(f"{at}: $", decoded(data, at))
        key = EnrolledKey(
            check_key_name(fields.text("name")),
            fields.hexadecimal("keyid"),
            fields.stated("keytype"),
            fields.text("scheme"),
            fields.stated("public"),
            fields.text("uri", ""),
        )
        fields.done()
    except InvalidAllowlist as error:
        raise WorkspaceInvalid(error.message, hint="enrol the key's public half again") from error
    if key.scheme not in SCHEMES:
        raise WorkspaceInvalid(
            f"{at}: $.scheme: {key.scheme[:40]!r} is not accepted",
            hint=f"use {' or '.join(SCHEMES)}",
        )
    return key


def key_file(key: EnrolledKey) -> bytes:
    """The inverse of `key_of`."""
    document: Mapping[str, str] = {
        "name": key.name,
        "keyid": key.keyid,
        "keytype": key.keytype,
        "scheme": key.scheme,
        "public": key.public,
    }
    uri = {"uri": key.uri} if key.uri else {}
    return json.dumps({**document, **uri}, indent=2).encode() + b"\n"
