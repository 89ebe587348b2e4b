"""Verifies one break-glass token against the keys of the signed list in force.

A process of its own (`python -m agent.helpers.sync.token`), because the daemon must not carry the
cryptography. It reads `{"token" (base64), "directory", "host", "now"}` from its standard input and
writes `{"payload" (base64)}` or `{"error", "hint"}`. docs/internals/break-glass.md has the rules.
"""

import base64
import binascii
import json
import signal
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from core.allowlist.break_glass_token import (
    ENVELOPE_LIMIT,
    PAYLOAD_TYPE,
    InvalidToken,
    check_token,
    token_of,
)
from core.extras import install, lacks_signed

DEADLINE_SECONDS: Final = 20
_LIST: Final = ".list.json"
_REQUEST_LIMIT: Final = 4 * ENVELOPE_LIMIT


def verified(token: bytes, directory: Path, host: str, now: datetime) -> bytes:
    """The payload of a token that counts on this host at `now`; raises `InvalidToken`."""
    payload = _signed_payload(_envelope(token), break_glass_keys(directory))
    check_token(token_of(payload), host=host, now=now)
    return payload


def break_glass_keys(directory: Path) -> list[Mapping[str, Any]]:
    """What the organization's list in force names, which was verified when it was adopted."""
    try:
        number = (directory / "CURRENT").read_text().strip()
        files = (directory / number / "payload").glob(f"*{_LIST}")
        top = [file for file in files if "." not in file.name.removesuffix(_LIST)]
        document = json.loads(top[0].read_bytes()) if top else {}
    except (OSError, ValueError) as error:
        raise InvalidToken(
            f"no signed allowlist is in force here: {error}", hint="dockwarden sync --wait"
        ) from error
    keys = document.get("policy", {}).get("break_glass_keys", [])
    if not keys:
        raise InvalidToken(
            "the organization's list names no break-glass key, so no token counts",
            hint="registry administrators add one: dockwarden-registrar policy set",
        )
    return list(keys)


def _envelope(token: bytes) -> dict[str, Any]:
    """JSON, or its base64url as one word."""
    text = token.strip()
    if len(text) > 2 * ENVELOPE_LIMIT:
        raise InvalidToken("the token is too long")
    try:
        if not text.startswith(b"{"):
            text = base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidToken(
            "this is not a token",
            hint="give the file that `break-glass issue` wrote, or its one word",
        ) from error
    if len(text) > ENVELOPE_LIMIT or not isinstance(document, dict):
        raise InvalidToken("the token is not an envelope")
    return document


def _signed_payload(document: dict[str, Any], keys: list[Mapping[str, Any]]) -> bytes:
    """What a listed key signed (DSSE v1, one signature is enough)."""
    if lack := lacks_signed():
        raise InvalidToken(lack, hint=install("signed"))
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import Error, VerificationError
    from securesystemslib.signer import Key

    try:
        envelope = Envelope.from_dict(document)
    except (Error, KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise InvalidToken("the token is not a signed envelope") from error
    if envelope.payload_type != PAYLOAD_TYPE:
        raise InvalidToken("the envelope holds something else than a break-glass token")
    try:
        known = [
            Key.from_dict(str(key["keyid"]), {k: v for k, v in key.items() if k != "keyid"})
            for key in keys
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidToken("a break-glass key of the organization's list is not a key") from error
    try:
        envelope.verify(known, 1)
    except (VerificationError, ValueError) as error:
        raise InvalidToken(
            "no break-glass key of the organization's list signed the token",
            hint="is the list in force the newest? dockwarden sync --wait",
        ) from error
    return bytes(envelope.payload)


def main() -> int:
    """The process: always answers, 0 for a token that counts."""
    signal.alarm(DEADLINE_SECONDS)  # its default is to end the process
    try:
        request = json.loads(sys.stdin.buffer.read(_REQUEST_LIMIT))
        payload = verified(
            base64.b64decode(request["token"]),
            Path(request["directory"]),
            request["host"],
            datetime.fromisoformat(request["now"]),
        )
        answer = {"payload": base64.b64encode(payload).decode()}
    except InvalidToken as error:
        answer = {"error": error.message, "hint": error.hint}
    except (ValueError, KeyError, TypeError) as error:
        answer = {"error": f"the request is none: {error}"}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0 if "payload" in answer else 1


if __name__ == "__main__":
    sys.exit(main())
