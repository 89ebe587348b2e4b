"""Key pairs: made, opened and compared; knows no role and no rule."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_pem_public_key,
)
from securesystemslib.exceptions import UnsupportedLibraryError
from securesystemslib.signer import (
    SIGNER_FOR_URI_SCHEME,
    CryptoSigner,
    Key,
    Signer,
    SSlibKey,
)

from core.durable import make_directory, write_file
from registrar.keys.sealed_key import passphrase_fault, seal, unseal
from registrar.registrar_errors import KeyUnusable
from registrar.workspace import EnrolledKey
from registrar.workspace.enrolled_keys import check_key_name

NAME_FIELD: Final = "x-dockwarden-name"
ED25519: Final = "ed25519"
_STRANGERS: Final = 0o037  # file modes: others at all, the group to write
_LARGEST: Final = 1 << 16  # bytes of a key or passphrase file
P256: Final = "p256"

Secret = Callable[[str], str]
"""Asks for a passphrase or PIN; the argument says what for."""


class KeyFolder:
    """Sealed private keys (see `sealed_key`), one file a name, outside of every workspace."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def create(self, name: str, passphrase: str, kind: str = ED25519) -> EnrolledKey:
        """Make a pair, keep the private half, return the public one. Never replaces a key."""
        path = self.check_free(name)
        if fault := passphrase_fault(passphrase):
            raise KeyUnusable(f"the passphrase is too weak: {fault}", hint="use four words or more")
        private: Ed25519PrivateKey | EllipticCurvePrivateKey = (
            generate_private_key(SECP256R1()) if kind == P256 else Ed25519PrivateKey.generate()
        )
        plain = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        make_directory(self.directory, mode=0o700)
        write_file(path, seal(plain, passphrase), mode=0o600)
        return _enrolled(name, private.public_key())

    def check_free(self, name: str) -> Path:
        """Where the key of that name would lie; raises `KeyUnusable` where one does."""
        path = self._path(check_key_name(name))
        if path.exists():
            raise KeyUnusable(
                f"{path}: a key exists already",
                hint="choose another name, such as ann-2027, or another folder with --keys",
            )
        return path

    def signer(self, key: EnrolledKey, secret: Secret) -> Signer:
        """What signs with the key: the file's, or the device's or service's that its URI names."""
        if key.uri:
            return _foreign_signer(key, secret)
        path = self._path(key.name)
        hint = "give the folder of private keys with --keys or DOCKWARDEN_KEYS"
        sealed = read_private(path, hint)
        try:
            plain = unseal(sealed, secret(f"Passphrase of {key.name}"))
            private = load_der_private_key(plain, None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyUnusable(
                f"{path}: it does not open: wrong passphrase, or no private key of ours",
                hint="try again; a lost passphrase is a lost key, see docs/registry.md",
            ) from error
        if not isinstance(private, Ed25519PrivateKey | EllipticCurvePrivateKey):
            raise KeyUnusable(f"{path}: neither ed25519 nor P-256", hint="make one with `key new`")
        if _enrolled(key.name, private.public_key()).public != key.public:
            raise KeyUnusable(
                f"{path}: it is not the private half of keys/{key.name}.json",
                hint="was the key made again? enrol it under a new name",
            )
        return CryptoSigner(private, tuf_key(key))

    def _path(self, name: str) -> Path:
        return self.directory / f"{name}.key"


def read_private(path: Path, hint: str) -> bytes:
    """A file that only its owner may change and no stranger may read: a key or a passphrase.

    Raises `KeyUnusable`. Its group may read it, as systemd's credentials are handed over.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(_LARGEST)
    except OSError as error:
        raise KeyUnusable(f"{path}: {error.strerror}", hint=hint) from error
    if stat.S_ISREG(status.st_mode) and status.st_mode & _STRANGERS:
        raise KeyUnusable(
            f"{path}: others may read or change it (mode {status.st_mode & 0o777:04o})",
            hint=f"chmod 600 {path}; if others had access, replace the key (`key rotate`)",
        )
    if stat.S_ISREG(status.st_mode) and status.st_uid not in (os.geteuid(), 0):
        raise KeyUnusable(
            f"{path}: it belongs to another user (uid {status.st_uid})",
            hint=f"chown {os.geteuid()} {path}, if you trust what is in it",
        )
    return content


def enrolled_pem(name: str, pem: bytes, uri: str = "") -> EnrolledKey:
    """A public half from a PEM file, for instance one that a device or service exported."""
    try:
        public = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(
            f"{name}: no public key in PEM", hint="give the public half, as the device exports it"
        ) from error
    if isinstance(public, EllipticCurvePublicKey) and not isinstance(public.curve, SECP256R1):
        raise KeyUnusable(f"{name}: curve {public.curve.name}", hint="use P-256 or ed25519")
    if not isinstance(public, Ed25519PublicKey | EllipticCurvePublicKey):
        raise KeyUnusable(f"{name}: neither ed25519 nor P-256", hint="use one of these")
    return _enrolled(check_key_name(name), public, uri)


def tuf_key(key: EnrolledKey) -> SSlibKey:
    """As metadata holds it."""
    named = {NAME_FIELD: key.name}
    return SSlibKey(key.keyid, key.keytype, key.scheme, {"public": key.public}, named)


def name_of(key: Key) -> str:
    """Whose key it is; the key id's first digits where it does not say."""
    name = key.unrecognized_fields.get(NAME_FIELD)
    return name if isinstance(name, str) and name else key.keyid[:12]


def material(key: Key) -> str:
    """The same text for the same public key, whatever its id and however it is spelt."""
    public = str(key.keyval.get("public", "")).strip()
    try:
        if not public.startswith("-----BEGIN"):
            return bytes.fromhex(public).hex()
        loaded = load_pem_public_key(public.encode())
    except ValueError as error:
        raise KeyUnusable(
            f"{name_of(key)}: no readable public key", hint="enrol the public half again"
        ) from error
    return loaded.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex()


def public_pem(key: EnrolledKey) -> bytes:
    """An enrolled key's public half in PEM."""
    if key.keytype != ED25519:
        return key.public.encode()
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.public))
    except ValueError as error:
        raise KeyUnusable(
            f"{key.name}: no readable public key", hint="enrol the public half again"
        ) from error
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def check_uri(uri: str) -> str:
    """The URI, once a signer is known for its scheme."""
    scheme = uri.partition(":")[0]
    if scheme == CryptoSigner.SCHEME or scheme not in SIGNER_FOR_URI_SCHEME:
        known = sorted(set(SIGNER_FOR_URI_SCHEME) - {CryptoSigner.SCHEME})
        raise KeyUnusable(
            f"{uri[:80]!r}: no signer for {scheme[:20]!r}",
            hint=f"known are {', '.join(known)}; for a key in a file leave --uri out",
        )
    return uri


def _enrolled(
    name: str, public: Ed25519PublicKey | EllipticCurvePublicKey, uri: str = ""
) -> EnrolledKey:
    key = SSlibKey.from_crypto(public)
    return EnrolledKey(name, key.keyid, key.keytype, key.scheme, key.keyval["public"], uri)


def _foreign_signer(key: EnrolledKey, secret: Secret) -> Signer:
    try:
        return Signer.from_priv_key_uri(check_uri(key.uri), tuf_key(key), secret)
    except (UnsupportedLibraryError, ValueError, OSError) as error:
        raise KeyUnusable(
            f"{key.name}: {key.uri}: {error}",
            hint="install the signer's library (pip install securesystemslib[hsm], [gcpkms], …)",
        ) from error
