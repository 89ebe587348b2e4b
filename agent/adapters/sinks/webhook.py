"""Findings to any web server as JSON, signed; knows the envelope, not what findings mean."""

import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from agent.adapters.sinks.ocsf import as_ocsf
from agent.adapters.sinks.sink_http import Web, read_secret
from agent.config.sinks_config import WebhookSink
from core.findings.finding import Finding
from core.findings.finding_record import as_record

SIGNATURE = "Dockwarden-Signature"


class Webhook:
    """`ports.Transport`: one POST a batch.

    The body is `{"format": …, "version": 1, "findings": […]}`; with the format `ocsf` the
    findings are OCSF events, and notices, which are none, are left out. With a secret the header
    `Dockwarden-Signature: t=<seconds>,v1=<hex>` holds HMAC-SHA256 over `<seconds>.<body>`: the
    receiver checks it and refuses old times, against replay.
    """

    def __init__(
        self, web: Web, *, form: str, secret_file: str, now: Callable[[], datetime]
    ) -> None:
        """`form` is `finding` or `ocsf`; `now` gives the signature's time."""
        self._web, self._form = web, form
        self._secret_file, self._now = secret_file, now

    def send(self, findings: Sequence[Finding]) -> int:
        """See `ports.Transport`."""
        told = _told(findings, self._form)
        if not told:
            return 0
        envelope = {"format": self._form, "version": 1, "findings": told}
        body = json.dumps(envelope, allow_nan=False, separators=(",", ":")).encode("ascii")
        headers = {"Content-Type": "application/json"}
        if self._secret_file:
            at = int(self._now().timestamp())
            headers[SIGNATURE] = signature(read_secret(self._secret_file), at, body)
        self._web.post(body, headers)
        return 0

    def close(self) -> None:
        """See `ports.Transport`; every POST has its own connection."""


def signature(secret: bytes, at: int, body: bytes) -> str:
    """The header's value; `at` in seconds since the epoch."""
    signed = hmac.new(secret, b"%d." % at + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={signed}"


def _told(findings: Sequence[Finding], form: str) -> list[dict[str, Any]]:
    if form == "ocsf":
        return [event for finding in findings if (event := as_ocsf(finding)) is not None]
    return [as_record(finding) for finding in findings]


def transport(table: WebhookSink, now: Callable[[], datetime]) -> Webhook:
    """What `[sinks.webhook]` describes."""
    web = Web(table.url, ca_file=table.ca_file, token_file=table.token_file)
    return Webhook(web, form=str(table.format), secret_file=table.secret_file, now=now)
