"""An http or https URL, taken apart once; pure. Its text for messages is without secrets."""

import base64
import re
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from core.network.web_errors import WebUnsafe, WebUnusable

PORTS: Final = {"http": 80, "https": 443}
REDIRECTS: Final = 5  # that a GET or HEAD follows; every other method follows none
_HOST: Final = re.compile(r"[0-9A-Za-z._~:%-]+")  # : and % are an IPv6 address's
_MOVED: Final = (301, 302, 303, 307, 308)
_SAFE: Final = "/:@!$&'()*+,;=~%?-._[]"  # an address may be quoted already: % stays


@dataclass(frozen=True, slots=True)
class WebAddress:
    """`host` is lower case, without brackets; `target` is path and query; `authorization` is the
    header's value that name and password in the URL ask for."""

    scheme: str
    host: str
    port: int
    target: str
    authorization: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises `WebUnusable`."""
        try:
            parts = urlsplit(url)
            port = parts.port
            host = _host(parts)
        except ValueError:
            raise WebUnusable("the URL has no valid host and port", hint="correct it") from None
        if parts.scheme not in PORTS or not host:
            raise WebUnusable(
                f"{without_secrets(url)}: neither http:// nor https://", hint="correct the URL"
            )
        target = quote(parts.path or "/", safe=_SAFE)
        if parts.query:
            target += f"?{quote(parts.query, safe=_SAFE)}"
        port = PORTS[parts.scheme] if port is None else port
        return cls(parts.scheme, host, port, target, basic_authorization(parts))

    @property
    def end(self) -> str:
        """`host:port`, as CONNECT has it."""
        return host_port(self.host, self.port)

    @property
    def netloc(self) -> str:
        """The Host header: without the scheme's own port."""
        own = self.port == PORTS[self.scheme]
        return self.end.removesuffix(f":{self.port}") if own else self.end

    @property
    def url(self) -> str:
        """As a proxy is asked for it."""
        return f"{self.scheme}://{self.netloc}{self.target}"

    def __str__(self) -> str:
        """For messages: a query may be a signature that opens a storage."""
        path, query, _ = self.target.partition("?")
        return f"{self.scheme}://{self.netloc}{path}{'?…' if query else ''}"

    def same_origin(self, other: "WebAddress") -> bool:
        """Whether what was given for one may be sent to the other."""
        return (self.scheme, self.host, self.port) == (other.scheme, other.host, other.port)

    def redirected(self, status: int, location: str) -> "WebAddress | None":
        """Where an answer leads; None if nowhere. Raises `WebUnsafe` for what leaves https."""
        if status not in _MOVED or not location:
            return None
        try:
            there = WebAddress.parse(urljoin(self.url, location))
        except (WebUnusable, ValueError):
            raise WebUnsafe(f"{self} redirects to what is no http:// or https:// URL") from None
        if self.scheme == "https" and there.scheme != "https":
            raise WebUnsafe(
                f"{self} redirects to {there}, which is less safe",
                hint="have the server redirect to https",
            )
        return there


def without_secrets(url: str) -> str:
    """The address for messages: no name, no password, no query."""
    scheme, found, rest = url.partition("://")
    if not found:
        scheme, rest = "", url
    netloc, slash, path = rest.partition("/")
    path, query, _ = path.partition("?")
    shown = f"{netloc.rpartition('@')[2]}{slash}{path}{'?…' if query else ''}"
    return f"{scheme}{found}{shown}"[:300]


def basic_authorization(parts: SplitResult) -> str:
    """The header's value for name and password of a URL; empty where there are none."""
    pair, given, _ = parts.netloc.rpartition("@")
    if not given:
        return ""
    name, _, password = pair.partition(":")
    text = f"{unquote(name)}:{unquote(password)}"
    return f"Basic {base64.b64encode(text.encode()).decode()}"


def host_port(host: str, port: int) -> str:
    """With brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").removesuffix(".")
    if not host.isascii():
        host = host.encode("idna").decode()  # UnicodeError is a ValueError
    if host and not _HOST.fullmatch(host):
        raise ValueError(host)
    return host
