"""One request and its answer over one connection; knows no redirects and keeps no connections."""

import http.client
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from core import __version__
from core.network.proxy_route import Proxy
from core.network.timed_socket import TimedSocket, connected, left
from core.network.web_address import REDIRECTS, WebAddress
from core.network.web_errors import WebFailed, WebTooLong

if TYPE_CHECKING:
    import socket
    import ssl

ANSWER_LIMIT: Final = 1 << 20  # bytes
USER_AGENT: Final = f"dockwarden/{__version__}"
_CHUNK: Final = 1 << 16
_SUCCESS: Final = 200
_LOGIN_AT_PROXY: Final = 407


@dataclass(frozen=True, slots=True)
class WebRequest:
    """`body` is bytes, or a seekable file of `size` bytes."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | BinaryIO | None = None
    size: int = 0


@dataclass(frozen=True, slots=True)
class WebLimits:
    """`seconds` bound everything, from the name's look-up over all redirects to the last byte,
    `idle` (seconds) connecting and each single wait; `body` is in bytes; with `cut` what is longer
    is cut off instead of being an error."""

    seconds: float
    body: int = ANSWER_LIMIT
    cut: bool = False
    redirects: int = REDIRECTS
    idle: float = math.inf


@dataclass(frozen=True, slots=True)
class WebResponse:
    """Names of headers are lower case; no `body` where it went to a file."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Way:
    """Where a request goes, and through which proxy."""

    address: WebAddress
    proxy: Proxy | None

    @property
    def end(self) -> tuple[str, str, Proxy | None]:
        """What a connection has to share to be used again."""
        return self.address.scheme, self.address.end, self.proxy

    def __str__(self) -> str:
        return f"{self.address} through the proxy {self.proxy}" if self.proxy else str(self.address)


class Link:
    """A connection; `way` is the one it was made for."""

    def __init__(self, way: Way, plain: "socket.socket", ends: float) -> None:
        self.way = way
        self.timed = TimedSocket(plain, ends)
        self._http = http.client.HTTPConnection(way.address.host, way.address.port)
        self._http.sock = cast("socket.socket", self.timed)
        self.reusable = False

    @classmethod
    def open(cls, way: Way, ends: float, context: Callable[[], "ssl.SSLContext"]) -> "Link":
        """Connected until `ends`, with TLS for https. Raises `WebFailed`, `OSError`,
        `HTTPException`."""
        address, proxy = way.address, way.proxy
        through = (proxy.host, proxy.port) if proxy else (address.host, address.port)
        trusted = context() if address.scheme == "https" else None  # before anybody is bothered
        plain = connected(*through, ends)
        try:
            if trusted and proxy:
                _tunnel(TimedSocket(plain, ends), address, proxy)
            if trusted:
                plain.settimeout(left(ends))
                plain = trusted.wrap_socket(plain, server_hostname=address.host)
        except BaseException:
            plain.close()
            raise
        return cls(way, plain, ends)

    def exchange(
        self,
        request: WebRequest,
        way: Way,
        headers: Mapping[str, str],
        limits: WebLimits,
        into: BinaryIO | None,
        *,
        keep: bool,
    ) -> WebResponse:
        """Send it and read the answer; `reusable` says afterwards whether the connection is."""
        self.reusable = False
        self._ask(request, way, headers, keep=keep)
        answer = self._http.getresponse()
        if answer.status == _LOGIN_AT_PROXY and way.proxy:
            raise _login_wanted(way.address, way.proxy)
        sink = into if answer.status == _SUCCESS else None
        if into is not None and sink is None:  # what is not the file goes to memory
            limits = replace(limits, body=min(limits.body, ANSWER_LIMIT))
        body, whole = _body(answer, limits, sink, way.address)
        answer.close()
        self.reusable = whole and keep and not answer.will_close
        found = {name.lower(): text for name, text in answer.getheaders()}
        return WebResponse(answer.status, found, body)

    def _ask(
        self, request: WebRequest, way: Way, headers: Mapping[str, str], *, keep: bool
    ) -> None:
        address = way.address
        proxy = way.proxy if address.scheme == "http" else None  # a tunnel had it already
        sent = {"Host": address.netloc, "User-Agent": USER_AGENT, "Accept": "*/*", **headers}
        if not keep:
            sent["Connection"] = "close"
        if proxy and proxy.authorization:
            sent["Proxy-Authorization"] = proxy.authorization
        if request.body is not None and not isinstance(request.body, bytes):
            request.body.seek(0)
            sent["Content-Length"] = str(request.size)
        target = address.url if proxy else address.target
        self._http.request(request.method, target, body=request.body, headers=sent)


def _tunnel(timed: TimedSocket, address: WebAddress, proxy: Proxy) -> None:
    lines = [f"CONNECT {address.end} HTTP/1.1", f"Host: {address.end}", f"User-Agent: {USER_AGENT}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    timed.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
    answer = http.client.HTTPResponse(cast("socket.socket", timed), method="CONNECT")
    answer.begin()
    answer.close()
    if answer.status == _LOGIN_AT_PROXY:
        raise _login_wanted(address, proxy)
    if answer.status != _SUCCESS:
        raise WebFailed(
            f"{address}: the proxy {proxy} answers {answer.status}",
            hint="may this host go there through it?",
        )


def _login_wanted(address: WebAddress, proxy: Proxy) -> WebFailed:
    return WebFailed(
        f"{address}: the proxy {proxy} asks for a name and a password (407)",
        hint="give them in the proxy variable: http://name:password@host:port",
    )


def _body(
    answer: http.client.HTTPResponse, limits: WebLimits, sink: BinaryIO | None, address: WebAddress
) -> tuple[bytes, bool]:
    """What was read, and whether it was all."""
    if sink is not None:
        sink.seek(0)
        sink.truncate()
    kept, total = bytearray(), 0
    while piece := answer.read1(min(_CHUNK, limits.body - total + 1)):
        total += len(piece)
        if total > limits.body and not limits.cut:
            raise WebTooLong(f"{address}: the answer is longer than {limits.body} bytes")
        if sink is not None:
            sink.write(piece)
        else:
            kept += piece
        if total > limits.body:
            return bytes(kept[: limits.body]), False
    if answer.length:
        raise WebFailed(f"{address}: the answer was cut off")
    return bytes(kept), True
