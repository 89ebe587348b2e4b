"""The HTTP client of all three programs, over http.client: one total time limit, one policy.

A socket's own time limit begins anew with every byte, and looking up a name has none; so each
operation here gets what is left of the whole, and names are looked up aside.
"""

import http.client
import os
import time
from collections.abc import Mapping
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO

from core.connection_faults import connection_fault
from core.network.proxy_route import proxy_for
from core.network.timed_socket import dropped
from core.network.tls_trust import client_context
from core.network.web_address import WebAddress
from core.network.web_errors import WebFailed, WebTooSlow, WebUnsafe, WebUntrusted
from core.network.web_exchange import Link, Way, WebLimits, WebRequest, WebResponse

if TYPE_CHECKING:
    import ssl


class WebClient:
    """Threads may share it. `ca_file` replaces the system's authorities; the proxies are those of
    `environ` at each request. `keep` is how many idle connections are kept for later."""

    def __init__(
        self, *, ca_file: str = "", keep: int = 0, environ: Mapping[str, str] = os.environ
    ) -> None:
        self._ca_file, self._keep, self._environ = ca_file, keep, environ
        self._idle: list[Link] = []
        self._lock = Lock()
        self._context: ssl.SSLContext | None = None

    def send(
        self, request: WebRequest, limits: WebLimits, into: BinaryIO | None = None
    ) -> WebResponse:
        """The answer of whatever status, its body in memory or, for 200, in the seekable `into`.

        A GET or HEAD follows redirects, but never from https to http, and what authorizes it goes
        to its own origin only. Raises `WebFailed`.
        """
        ends = time.monotonic() + limits.seconds
        address, headers = WebAddress.parse(request.url), dict(request.headers)
        if address.authorization:
            headers.setdefault("Authorization", address.authorization)
        allowed = limits.redirects if request.method in ("GET", "HEAD") else 0
        for _ in range(allowed + 1):
            response = self._once(request, address, headers, limits, ends, into)
            location = response.headers.get("location", "")
            there = address.redirected(response.status, location) if allowed else None
            if there is None:
                return response
            if not there.same_origin(address):
                headers = {k: v for k, v in headers.items() if k.lower() != "authorization"}
            address = there
        raise WebUnsafe(f"{address}: more than {allowed} redirects")

    def probe(self, url: str, seconds: float) -> str:
        """Connect as a request would, with TLS where the URL asks for it, and send nothing; how
        it went there, in words. Raises `WebFailed`."""
        address = WebAddress.parse(url)
        way = Way(address, proxy_for(address, self._environ))
        with _Faults(way):
            Link.open(way, time.monotonic() + seconds, self._trusted).timed.end()
        return f"through the proxy {way.proxy}" if way.proxy else "directly"

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for link in idle:
            link.timed.end()

    def _once(
        self,
        request: WebRequest,
        address: WebAddress,
        headers: Mapping[str, str],
        limits: WebLimits,
        ends: float,
        into: BinaryIO | None,
    ) -> WebResponse:
        way = Way(address, proxy_for(address, self._environ))
        with _Faults(way):
            connected = min(ends, time.monotonic() + limits.idle)
            link = self._taken(way) or Link.open(way, connected, self._trusted)
            link.timed.ends, link.timed.idle = ends, limits.idle
            try:
                return link.exchange(request, way, headers, limits, into, keep=self._keep > 0)
            finally:
                self._given_back(link)

    def _trusted(self) -> "ssl.SSLContext":
        if self._context is None:
            self._context = client_context(self._ca_file, self._environ)
        return self._context

    def _taken(self, way: Way) -> Link | None:
        """An idle connection for this way that the other side has not ended meanwhile."""
        while True:
            with self._lock:
                link = next((link for link in self._idle if link.way.end == way.end), None)
                if link is None:
                    return None
                self._idle.remove(link)
            if not dropped(link.timed):
                return link
            link.timed.end()

    def _given_back(self, link: Link) -> None:
        with self._lock:
            if link.reusable:
                self._idle.append(link)
            least = self._idle.pop(0) if len(self._idle) > self._keep else None
        for spare in (least, None if link.reusable else link):
            if spare is not None:
                spare.timed.end()


class _Faults:
    """Turns whatever a library raises into one `WebFailed` in our own words."""

    def __init__(self, way: Way) -> None:
        self._way = way

    def __enter__(self) -> None:
        """Nothing."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if not isinstance(error, (OSError, http.client.HTTPException, ValueError)):
            return  # none, one that has our words already, or one that is no fault of the network
        kind = WebFailed
        if getattr(error, "verify_message", ""):  # documented of ssl.SSLCertVerificationError
            kind = WebUntrusted
        elif isinstance(error, TimeoutError):
            kind = WebTooSlow
        raise kind(f"{self._way}: {connection_fault(error)}") from error
