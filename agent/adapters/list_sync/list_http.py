"""One conditional GET over a plain socket: HTTP/1.0, proxies by environment, one total deadline.

It knows no lists. The usual libraries would cost the daemon 8 to 14 MiB for this one request;
`ssl` is imported for https only.
"""

import base64
import contextlib
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from agent.errors import SyncFailed
from core.connection_faults import connection_fault

HEAD_LIMIT: Final = 32 << 10  # bytes
REDIRECTS: Final = 3
_PORTS: Final = {"http": 80, "https": 443}
_MOVED: Final = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer; names of headers are lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def get(
    url: str, *, headers: Mapping[str, str], limit: int, seconds: float, ca_file: str = ""
) -> Reply:
    """GET it, following at most three redirects (never from https to http). `limit` bounds the
    body in bytes, `seconds` everything. Raises `SyncFailed`."""
    until = time.monotonic() + seconds
    for _ in range(REDIRECTS + 1):
        parts = urlsplit(url)
        try:
            reply = _get(parts, headers, limit, until, ca_file)
        except OSError as error:
            raise SyncFailed(
                f"{url}: {connection_fault(error)}", hint="can this host reach it?"
            ) from error
        except ValueError as error:
            raise SyncFailed(f"{url}: {error}", hint="is this a web server?") from error
        if reply.status not in _MOVED or "location" not in reply.headers:
            return reply
        there = urljoin(url, reply.headers["location"])
        if urlsplit(there).scheme not in ("https", parts.scheme):
            raise SyncFailed(f"{url} redirects to {there}, which is less safe")
        url = there
    raise SyncFailed(f"{url}: more than {REDIRECTS} redirects")


def _get(
    parts: SplitResult, headers: Mapping[str, str], limit: int, until: float, ca_file: str
) -> Reply:
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    proxy = _proxy(parts.scheme, host)
    target = parts.path or "/"
    target += f"?{parts.query}" if parts.query else ""
    name = f"[{host}]" if ":" in host else host
    address = name if port == _PORTS[parts.scheme] else f"{name}:{port}"
    sent = {"Host": address, "User-Agent": "dockwarden", "Accept": "*/*", **headers}
    with contextlib.ExitStack() as stack:
        end = (proxy.hostname or "", proxy.port or 3128) if proxy else (host, port)
        plain = socket.create_connection(end, _left(until))
        connection: socket.socket = stack.enter_context(plain)
        if proxy and parts.scheme == "https":
            _tunnel(connection, proxy, f"{name}:{port}", until)
        elif proxy:
            target = f"http://{address}{target}"
            sent.update(_authorization(proxy))
        if parts.scheme == "https":
            connection.settimeout(_left(until))
            connection = stack.enter_context(_encrypted(connection, host, ca_file))
        lines = [f"GET {target} HTTP/1.0", *(f"{key}: {value}" for key, value in sent.items())]
        _send(connection, lines, until)
        status, found, begun = _head(connection, until)
        return Reply(status, found, _body(connection, found, begun, limit, until))


def _encrypted(connection: socket.socket, host: str, ca_file: str) -> socket.socket:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        context.load_verify_locations(ca_file)
    else:
        context.set_default_verify_paths()
    return context.wrap_socket(connection, server_hostname=host)


def _tunnel(connection: socket.socket, proxy: SplitResult, target: str, until: float) -> None:
    given = [f"{key}: {value}" for key, value in _authorization(proxy).items()]
    _send(connection, [f"CONNECT {target} HTTP/1.0", f"Host: {target}", *given], until)
    status, _, _ = _head(connection, until)
    if status != 200:
        raise ValueError(f"the proxy {proxy.hostname} answered {status}")


def _send(connection: socket.socket, lines: list[str], until: float) -> None:
    connection.settimeout(_left(until))
    connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))


def _head(connection: socket.socket, until: float) -> tuple[int, dict[str, str], bytes]:
    """Status, headers, and as much of the body as came with them."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = _receive(connection, until)
        data += more
        if not more or len(data) > HEAD_LIMIT:
            raise ValueError("the answer is not HTTP")
    head, _, begun = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
        raise ValueError("the answer is not HTTP")
    split = (line.partition(":") for line in lines)
    return int(rest[:3]), {name.strip().lower(): text.strip() for name, _, text in split}, begun


def _body(
    connection: socket.socket, headers: Mapping[str, str], begun: bytes, limit: int, until: float
) -> bytes:
    if "chunked" in headers.get("transfer-encoding", ""):
        raise ValueError("the answer is chunked, which HTTP/1.0 does not have")
    told = headers.get("content-length", "")
    wanted = int(told) if told.isdigit() else None
    data = bytearray(begun)
    while wanted is None or len(data) < wanted:
        if len(data) > limit or (wanted or 0) > limit:
            raise ValueError(f"the answer is longer than {limit} bytes")
        more = _receive(connection, until)
        if not more:
            break
        data += more
    if wanted is not None and len(data) < wanted:
        raise ValueError("the answer was cut off")
    return bytes(data[:wanted])


def _receive(connection: socket.socket, until: float) -> bytes:
    connection.settimeout(_left(until))
    return connection.recv(1 << 14)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("it took too long")
    return left


def _proxy(scheme: str, host: str) -> SplitResult | None:
    """As curl and Python's urllib have it: `http_proxy`, `https_proxy`, `all_proxy`, and
    `no_proxy`, a list of hosts and domains; lower case first."""
    for domain in _environ("no_proxy").split(","):
        plain = domain.strip().lower().lstrip("*").lstrip(".")
        if domain.strip() == "*" or (plain and (host == plain or host.endswith(f".{plain}"))):
            return None
    url = _environ(f"{scheme}_proxy") or _environ("all_proxy")
    parts = urlsplit(url if "://" in url else f"http://{url}")
    return parts if url and parts.scheme == "http" and parts.hostname else None


def _environ(name: str) -> str:
    return os.environ.get(name) or os.environ.get(name.upper(), "")


def _authorization(proxy: SplitResult) -> dict[str, str]:
    if not proxy.username:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
