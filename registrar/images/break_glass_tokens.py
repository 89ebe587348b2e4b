"""Issues break-glass tokens; docs/internals/break-glass.md has the format. Reads no clock."""

import base64
import json
from datetime import datetime, timedelta

from securesystemslib.dsse import Envelope
from securesystemslib.signer import Signer

from core.allowlist.break_glass_token import LONGEST, PAYLOAD_TYPE, Token, token_bytes, token_of
from core.base_errors import DockwardenError
from core.list_format.payload import StalePolicy


class NotIssued(DockwardenError):
    """No host would take such a token; none was made."""


def token_for(
    host: str, nonce: str, hours: float, *, reason: str, issued_by: str, now: datetime
) -> Token:
    """What the token says, checked as a host will. Raises `InvalidToken` and `NotIssued`."""
    most = LONGEST // timedelta(hours=1)
    if not 0 < hours <= most:  # no NaN passes either
        raise NotIssued(f"--hours: more than 0 and at most {most}", hint=f"write {most}")
    ends = now + timedelta(seconds=max(1, int(hours * 3600)))
    token = Token(host.strip(), nonce.strip(), now, ends, reason, issued_by)
    return token_of(token_bytes(token))


def check_taken(keyid: str, name: str, policy: StalePolicy | None, organization: str) -> None:
    """Raise `NotIssued` unless the organization's policy names the key."""
    if policy is None or keyid not in {key.keyid for key in policy.break_glass_keys}:
        raise NotIssued(
            f"hosts of {organization} accept no token signed by {name}",
            hint=f"`policy set --scope {organization} --break-glass-key {name}`, then publish",
        )


def envelope(token: Token, signer: Signer) -> bytes:
    """The signed envelope as JSON."""
    made = Envelope(token_bytes(token), PAYLOAD_TYPE, {})
    made.sign(signer)
    return json.dumps(made.to_dict(), separators=(",", ":")).encode()


def one_word(signed: bytes) -> str:
    """The envelope as it is pasted onto a command line."""
    return base64.urlsafe_b64encode(signed).rstrip(b"=").decode()
