"""Secrets that are shown once and kept as hashes; knows no tables.

They hold 256 random bits, so a plain SHA-256 keeps them: there is nothing to guess, and a slow hash
would only cost each request.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass

from collector.store.randomness import random_bytes

ENROLMENT = "dwe"
HOST = "dwt"
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Token:
    """`text` is `<kind>_<id>_<secret>`; `hash` is what is kept of it."""

    id: str
    text: str
    hash: str


def make(kind: str, token_id: str) -> Token:
    """A new one under that id, which must not hold an underscore."""
    secret = base64.urlsafe_b64encode(random_bytes(32)).decode().rstrip("=")
    text = f"{kind}_{token_id}_{secret}"
    return Token(token_id, text, digest(text))


def id_of(kind: str, text: str) -> str | None:
    """The id in a token's text; None if it is not of that kind."""
    parts = text.split("_", 2)
    if len(text) > _LONGEST or not text.isascii() or len(parts) != 3 or parts[0] != kind:
        return None
    return parts[1] or None


def fits(text: str, kept: str) -> bool:
    """Whether the hash is of that text; takes the same time whatever differs."""
    return hmac.compare_digest(digest(text), kept)


def digest(text: str) -> str:
    """What is kept."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
