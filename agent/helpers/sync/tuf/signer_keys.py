"""Counts who signed: distinct public keys, never key ids; knows TUF's values, does no I/O.

A key id is a name that the metadata gives to a key (TUF 1.0, section 4.2), so one key under two ids
would meet a threshold of two by itself. What is counted here is the key material.
"""

from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from securesystemslib.signer import Key
from tuf.api.metadata import Metadata, Root, Targets

from agent.errors import AllowlistRejected
from core.text import printable, shortened

NAME_FIELD: Final = "x-dockwarden-name"
_NAME_LENGTH: Final = 100


def signers(delegator: Root | Targets, role: str, signed: Metadata[Any]) -> tuple[str, ...]:
    """The names of the keys whose signatures count, sorted; at least the role's threshold.

    Raises `AllowlistRejected` when fewer distinct keys than that have signed, or when the
    delegator does not know the role.
    """
    try:
        result = delegator.get_verification_result(role, signed.signed_bytes, signed.signatures)
    except ValueError as error:
        raise AllowlistRejected(
            f"{role}: no key is named that may sign it", hint="publish the repository again"
        ) from error
    names = {_material(key): _name(key) for key in result.signed.values()}
    if len(names) < max(1, result.threshold):
        raise AllowlistRejected(
            f"{role}: {len(names)} distinct key(s) signed it, {result.threshold} are required",
            hint="let the missing administrators sign it, then publish again",
        )
    return tuple(sorted(names.values()))


def people(delegator: Root | Targets, role: str) -> tuple[int, frozenset[str]]:
    """The role's threshold and the key materials that may sign it."""
    found = delegator.get_delegated_role(role)
    return found.threshold, frozenset(_identity(delegator, keyid) for keyid in found.keyids)


def _identity(delegator: Root | Targets, keyid: str) -> str:
    try:
        return _material(delegator.get_key(keyid))
    except (ValueError, AllowlistRejected):  # nobody can sign with it; it still distinguishes them
        return f"unusable {keyid}"


def _material(key: Key) -> str:
    """The same text for the same key, however it was written."""
    public = str(key.keyval.get("public", ""))
    try:
        if "-----BEGIN" not in public:
            return bytes.fromhex(public).hex()
        loaded = load_pem_public_key(public.encode())
        if isinstance(loaded, RSAPublicKey):
            return f"rsa {loaded.public_numbers().n:x}"  # one modulus is one secret
        return loaded.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex()
    except ValueError as error:
        raise AllowlistRejected(
            f"key {key.keyid[:12]}: no readable public key", hint="enrol the key again"
        ) from error


def _name(key: Key) -> str:
    name = key.unrecognized_fields.get(NAME_FIELD)
    if isinstance(name, str) and name.strip():
        return shortened(printable(name), _NAME_LENGTH)
    return key.keyid[:12]
