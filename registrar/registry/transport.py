"""HTTP to a registry, tried again where that may help; knows no registry API and no tokens.

Proxy, trust, limits and redirects are those of `core.network`.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from core.network.retry_delay import Backoff, retry_after
from core.network.web_client import WebClient
from core.network.web_errors import (
    WebFailed,
    WebTooLong,
    WebUnsafe,
    WebUntrusted,
    WebUnusable,
)
from core.network.web_exchange import WebLimits, WebRequest, WebResponse
from registrar.registry.registry_errors import NotAsClaimed, RegistryError, RegistryUnavailable

SMALL: Final = 4 << 20  # bytes; OCI distribution-spec, "Pushing Manifests": 4 MiB are accepted
LONGEST_WAIT: Final = 60.0  # seconds that a person at a terminal waits for one request
_FIRST_WAIT: Final = 0.5
_LAST_WAIT: Final = 16.0
_AGAIN: Final = (429, 500, 502, 503, 504)
_KEPT: Final = 16  # connections: eight threads resolve at a time, some with a token server


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient a transport is, in seconds: `idle_s` bounds connecting and each wait for a byte,
    `deadline_s` one whole answer."""

    idle_s: float = 30.0
    deadline_s: float = 600.0
    attempts: int = 5


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `body` may be bytes or a seekable file of `size` bytes; an answer of 200 goes
    to the seekable `sink` if there is one; `limit` bounds the answer's body in bytes."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | BinaryIO | None = None
    size: int | None = None
    sink: BinaryIO | None = None
    limit: int = SMALL


class Transport:
    """Connections to registries, shared by threads. `ca_file` holds the certificates to trust
    instead of the system's. Raises `RegistryUnavailable`, `NotAsClaimed` and `RegistryError`."""

    def __init__(
        self,
        *,
        ca_file: Path | None = None,
        limits: Limits | None = None,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._limits = limits or Limits()
        self._sleep = sleep
        self._jitter = jitter
        self._client = WebClient(ca_file=str(ca_file or ""), keep=_KEPT)

    def send(self, request: Request) -> WebResponse:
        """Send it, again after answers of 429 and 5xx and broken connections, and follow where a
        GET or HEAD is sent on to. The last answer comes back whatever its status."""
        backoff = Backoff(_FIRST_WAIT, _LAST_WAIT, 0.0)
        for attempt in range(1, self._limits.attempts + 1):
            last, wanted = attempt == self._limits.attempts, 0.0
            try:
                response = self._once(request)
            except RegistryUnavailable:
                if last:
                    raise
            else:
                if last or response.status not in _AGAIN:
                    return response
                wanted = retry_after(response.headers) or 0.0
                if wanted > LONGEST_WAIT:
                    return response
            self._sleep(backoff.failed(self._jitter(), at_least=wanted))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _once(self, request: Request) -> WebResponse:
        limits = WebLimits(self._limits.deadline_s, request.limit, idle=self._limits.idle_s)
        sent = WebRequest(
            request.method, request.url, request.headers, request.body, request.size or 0
        )
        try:
            return self._client.send(sent, limits, request.sink)
        except WebFailed as error:
            raise _registry_error(error) from error


def _registry_error(error: WebFailed) -> RegistryError:
    """Only `RegistryUnavailable` is worth another try."""
    kind: type[RegistryError] = RegistryUnavailable
    hint = "is the name right, is the registry up, is there a proxy between?"
    match error:
        case WebUntrusted():
            kind, hint = NotAsClaimed, "name the registry's certificate authority with --ca-file"
        case WebUnsafe():
            kind, hint = NotAsClaimed, "correct the registry's or its proxy's address rules"
        case WebTooLong():
            kind = NotAsClaimed
            hint = "this is not an image of a usual size; look at it by hand"
        case WebUnusable():
            kind = RegistryError
    return kind(error.message, hint=error.hint or hint)
