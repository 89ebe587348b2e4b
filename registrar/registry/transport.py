"""HTTP to a registry with limits, retries and redirects; knows no registry API and no tokens."""

import random
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, SSLError
from urllib3.response import BaseHTTPResponse

from core import __version__
from registrar.registry.registry_errors import NotAsClaimed, RegistryUnavailable
from registrar.registry.retry import pause_s

SMALL: Final = 4 << 20  # bytes; OCI distribution-spec, "Pushing Manifests": 4 MiB are accepted
REDIRECTS: Final = 5
_CHUNK: Final = 1 << 16
_MOVED: Final = (301, 302, 303, 307, 308)
_AGAIN: Final = (429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient a transport is. Times in seconds; `deadline_s` bounds one whole answer."""

    connect_s: float = 10.0
    read_s: float = 30.0
    deadline_s: float = 600.0
    attempts: int = 5


@dataclass(frozen=True, slots=True)
class Response:
    """A registry's answer: `headers` by lower-case name; no `body` where it went to a sink."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


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
    """Connections to registries, shared by threads.

    `ca_file` holds the certificates to trust instead of the system's. Proxies come from the
    environment (`HTTPS_PROXY`, `NO_PROXY`). Raises `RegistryUnavailable` and `NotAsClaimed`.
    """

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
        self._ca_file = ca_file
        self._pools: dict[str, urllib3.PoolManager] = {}

    def send(self, request: Request) -> Response:
        """Send it, again after answers of 429 and 5xx and broken connections, and follow where a
        GET or HEAD is sent on to. The last answer comes back whatever its status."""
        for attempt in range(1, self._limits.attempts + 1):
            last = attempt == self._limits.attempts
            try:
                response = self._followed(request)
            except RegistryUnavailable:
                if last:
                    raise
                wait: float | None = pause_s(attempt, {}, self._jitter())
            else:
                if last or response.status not in _AGAIN:
                    return response
                wait = pause_s(attempt, response.headers, self._jitter())
                if wait is None:
                    return response
            self._sleep(wait or 0.0)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _followed(self, request: Request) -> Response:
        url, headers = request.url, dict(request.headers)
        for _ in range(REDIRECTS + 1):
            response = self._once(request, url, headers)
            if response.status not in _MOVED or request.method not in ("GET", "HEAD"):
                return response
            target = urljoin(url, response.headers.get("location", ""))
            if urlsplit(target).scheme != "https" and urlsplit(url).scheme == "https":
                raise NotAsClaimed(
                    f"{_host(url)} sends the client on to {target[:100]!r} without TLS",
                    hint="have the registry's storage serve https",
                )
            if _origin(target) != _origin(url):  # a token is for the registry alone
                headers = {k: v for k, v in headers.items() if k.lower() != "authorization"}
            url = target
        raise NotAsClaimed(
            f"{_host(request.url)} redirects more than {REDIRECTS} times",
            hint="correct the registry's or its proxy's address rules",
        )

    def _once(self, request: Request, url: str, headers: Mapping[str, str]) -> Response:
        ends = time.monotonic() + self._limits.deadline_s
        sent = {"Accept-Encoding": "identity", "User-Agent": f"dockwarden/{__version__}", **headers}
        if request.body is not None and not isinstance(request.body, bytes):
            request.body.seek(0)
            sent["Content-Length"] = str(request.size)
        try:
            response = self._pool(url).request(
                request.method,
                url,
                body=request.body,
                headers=sent,
                redirect=False,
                retries=False,
                preload_content=False,
                timeout=urllib3.Timeout(connect=self._limits.connect_s, read=self._limits.read_s),
            )
            try:
                body = self._body(request, response, ends)
            finally:
                response.close()  # a connection whose answer was read to its end is kept
        except SSLError as error:
            raise NotAsClaimed(
                f"{_host(url)}: the TLS certificate is not trusted: {error}",
                hint="name the registry's certificate authority with --ca-file",
            ) from error
        except (HTTPError, OSError) as error:
            raise RegistryUnavailable(
                f"{_host(url)} does not answer: {error}",
                hint="is the name right, is the registry up, is there a proxy between?",
            ) from error
        return Response(response.status, {k.lower(): v for k, v in response.headers.items()}, body)

    def _body(self, request: Request, response: BaseHTTPResponse, ends: float) -> bytes:
        to_sink = request.sink if response.status == 200 else None
        limit = request.limit if response.status == 200 else SMALL
        if to_sink is not None:
            to_sink.seek(0)
            to_sink.truncate()
        parts: list[bytes] = []
        total = 0
        while piece := _read(response):
            total += len(piece)
            if total > limit:
                raise NotAsClaimed(
                    f"{_host(request.url)} answers with more than {limit} bytes",
                    hint="this is not an image of a usual size; look at it by hand",
                )
            if time.monotonic() > ends:
                raise RegistryUnavailable(
                    f"{_host(request.url)} did not finish in {self._limits.deadline_s:.0f} s",
                    hint="try again, or from nearer the registry",
                )
            if to_sink is None:
                parts.append(piece)
            else:
                to_sink.write(piece)
        return b"".join(parts)

    def _pool(self, url: str) -> urllib3.PoolManager:
        parts = urlsplit(url)
        proxy = urllib.request.getproxies().get(parts.scheme, "")
        if proxy and urllib.request.proxy_bypass(parts.hostname or ""):
            proxy = ""
        if proxy not in self._pools:
            # Eight threads resolve at a time; more connections would only be thrown away.
            options: dict[str, Any] = {"num_pools": 16, "maxsize": 8}
            if self._ca_file:
                options["ca_certs"] = str(self._ca_file)
            self._pools[proxy] = (
                urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)
            )
        return self._pools[proxy]


def _read(response: BaseHTTPResponse) -> bytes:
    # read1 returns what is there: a slow drip cannot hide from the deadline.
    return response.read1(_CHUNK, decode_content=False)


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
