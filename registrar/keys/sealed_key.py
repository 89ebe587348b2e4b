"""A private key sealed with a passphrase: bytes there and back; knows no files and no roles.

scrypt (RFC 7914) makes a key from the passphrase at a cost of 128 MiB and about half a second;
ChaCha20-Poly1305 (RFC 8439) seals the private key with it, and the parameters along with it.
"""

import json
import os
from base64 import b64decode, b64encode
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

FORMAT: Final = 1
COST = 1 << 17  # scrypt's n; OWASP's password storage cheat sheet: at least this with r = 8
_MOST: Final = 1 << 20  # n of a file that is still opened: 1 GiB
_BLOCK: Final = 8  # scrypt's r
_SHORTEST: Final = 12  # characters of a passphrase
_FEWEST: Final = 5  # different characters
_COMMON: Final = ("password", "passphrase", "passwort", "qwerty", "letmein", "iloveyou", "admin")
_NEIGHBOURS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")
_ROWS: Final = (*_NEIGHBOURS, *(row[::-1] for row in _NEIGHBOURS))
_RUN: Final = 4  # characters


def passphrase_fault(passphrase: str) -> str:
    """Why a passphrase is too weak for a key that others trust; empty if it is not."""
    if len(passphrase) < _SHORTEST:
        return f"it is shorter than {_SHORTEST} characters"
    if len(set(passphrase.casefold())) < _FEWEST:
        return f"it has fewer than {_FEWEST} different characters"
    rest = passphrase.casefold()
    for word in _COMMON:
        rest = rest.replace(word, "")
    if len(_without_runs(rest)) < _SHORTEST // 2:
        return "it is a common password"
    return ""


def seal(private: bytes, passphrase: str) -> bytes:
    """The key as a file holds it."""
    header: dict[str, Any] = {
        "format": FORMAT,
        "kdf": "scrypt",
        "n": COST,
        "salt": os.urandom(16).hex(),
        "cipher": "chacha20-poly1305",
        "nonce": os.urandom(12).hex(),
    }
    cipher = ChaCha20Poly1305(_derived(header, passphrase))
    sealed = cipher.encrypt(bytes.fromhex(header["nonce"]), private, _bound(header))
    return json.dumps({**header, "sealed": b64encode(sealed).decode()}, indent=2).encode() + b"\n"


def unseal(content: bytes, passphrase: str) -> bytes:
    """The inverse of `seal`; raises `ValueError` for another passphrase or what is no such file."""
    try:
        document = json.loads(content)
        sealed = b64decode(document.pop("sealed"), validate=True)
        is_ours = (document["format"], document["kdf"]) == (FORMAT, "scrypt")
        if not is_ours or not 2 <= document["n"] <= _MOST:
            raise ValueError("another format")
        cipher = ChaCha20Poly1305(_derived(document, passphrase))
        return cipher.decrypt(bytes.fromhex(document["nonce"]), sealed, _bound(document))
    except (KeyError, TypeError, AttributeError, RecursionError, InvalidTag) as error:
        raise ValueError("it does not open") from error


def _derived(header: dict[str, Any], passphrase: str) -> bytes:
    salt = bytes.fromhex(header["salt"])
    return Scrypt(salt, length=32, n=header["n"], r=_BLOCK, p=1).derive(passphrase.encode())


def _bound(header: dict[str, Any]) -> bytes:
    return json.dumps(header, sort_keys=True).encode()


def _without_runs(text: str) -> str:
    """Without what is a row of the alphabet, the digits or the keyboard, either way."""
    for row in _ROWS:
        for length in range(len(row), _RUN - 1, -1):
            for start in range(len(row) - length + 1):
                text = text.replace(row[start : start + length], "")
    return text
