"""Break-glass tokens and what a host remembers of them (docs/internals/break-glass.md); no I/O."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from core.base_errors import DockwardenError

PAYLOAD_TYPE: Final = "application/vnd.dockwarden.break-glass+json"
FORMAT: Final = 1
LONGEST: Final = timedelta(hours=4)
AHEAD: Final = timedelta(minutes=5)  # how far the issuer's clock may be ahead of the host's
ENVELOPE_LIMIT: Final = 16 << 10  # bytes
OPEN_NONCES: Final = 8
_TEXTS: Final = {"host": 32, "nonce": 32, "reason": 500, "issued_by": 100}
_HEX: Final = frozenset("0123456789abcdef")


class InvalidToken(DockwardenError):
    """The document is not a break-glass token, or not one for this host at this time."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says. Times are aware, UTC."""

    host: str
    nonce: str
    issued_at: datetime
    expires_at: datetime
    reason: str
    issued_by: str


@dataclass(frozen=True, slots=True)
class Active:
    """A token in force: it ends at its `expires_at`, or when `left_seconds` have been counted.
    `seen_at` is when they were last counted."""

    token: Token
    began_at: datetime
    left_seconds: float
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class BreakGlassState:
    """What a host remembers: the nonces it gave out, oldest first, and the token in force."""

    nonces: tuple[str, ...] = ()
    active: Active | None = None

    def asked(self, nonce: str) -> "BreakGlassState":
        """With one more open nonce; the oldest goes when there are too many."""
        return replace(self, nonces=(*self.nonces, nonce)[-OPEN_NONCES:])

    def used(self, nonce: str) -> "BreakGlassState":
        """Without this nonce."""
        return replace(self, nonces=tuple(each for each in self.nonces if each != nonce))


def token_bytes(token: Token) -> bytes:
    """A token's payload, as it is signed."""
    document = {
        "format": FORMAT,
        "host": token.host,
        "nonce": token.nonce,
        "issued_at": token.issued_at.isoformat(),
        "expires_at": token.expires_at.isoformat(),
        "reason": token.reason,
        "issued_by": token.issued_by,
    }
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def token_of(payload: bytes) -> Token:
    """The inverse of `token_bytes`, and every check that needs neither key, host nor clock.
    Raises `InvalidToken`."""
    try:
        document: Any = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise InvalidToken("the token's payload is not JSON") from error
    wanted = {"format", "issued_at", "expires_at", *_TEXTS}
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InvalidToken(f"the token is not of format {FORMAT}", hint="update dockwarden")
    if set(document) != wanted:
        odd = ", ".join(sorted(map(str, set(document) ^ wanted)))
        raise InvalidToken(f"the token's keys are not as they should be: {odd}")
    texts = {key: _text(document, key, limit) for key, limit in _TEXTS.items()}
    for key in ("host", "nonce"):
        if len(texts[key]) != 32 or not _HEX.issuperset(texts[key]):
            raise InvalidToken(f"the token's {key} is not 32 lower-case hexadecimal digits")
    issued, expires = _time(document, "issued_at"), _time(document, "expires_at")
    if not timedelta(0) < expires - issued <= LONGEST:
        raise InvalidToken("the token holds for longer than 4 hours, or for no time at all")
    return Token(issued_at=issued, expires_at=expires, **texts)


def check_token(token: Token, *, host: str, now: datetime) -> None:
    """Raises `InvalidToken` unless the token is for this host and holds at `now`."""
    if token.host != host:
        raise InvalidToken(
            f"the token is for the host {token.host}, this one is {host}",
            hint="ask for one for what `dockwarden break-glass request` prints here",
        )
    if now >= token.expires_at:
        raise InvalidToken(f"the token ended on {token.expires_at.isoformat(timespec='seconds')}")
    if token.issued_at > now + AHEAD:
        raise InvalidToken(
            f"the token is from the future ({token.issued_at.isoformat(timespec='seconds')})",
            hint="set this host's clock, or the issuer's",
        )


def _text(document: Mapping[str, Any], key: str, limit: int) -> str:
    value = document[key]
    if not isinstance(value, str) or not value.strip() or len(value) > limit:
        raise InvalidToken(f"the token's {key} is not 1 to {limit} characters of text")
    return value


def _time(document: Mapping[str, Any], key: str) -> datetime:
    try:
        at = datetime.fromisoformat(document[key])
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        pass  # reported below, as a time without a zone is
    raise InvalidToken(f"the token's {key} is not a time with a zone")
