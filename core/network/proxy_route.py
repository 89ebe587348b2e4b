"""Which proxy leads to a URL, by the environment's variables; pure.

The rules are curl's: the first of `http_proxy` or `https_proxy` (by the URL's scheme) and
`all_proxy` that is not empty, each in lower case before upper case, unless `no_proxy` exempts the
host. A name is compared as text and never resolved.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from core.network.web_address import WebAddress, basic_authorization, host_port
from core.network.web_errors import WebUnusable

PROXY_PORT: Final = 80  # where the proxy's URL names none


@dataclass(frozen=True, slots=True)
class Proxy:
    """`authorization` is the value of Proxy-Authorization; empty: none is sent."""

    host: str
    port: int
    authorization: str = field(default="", repr=False)

    def __str__(self) -> str:
        return host_port(self.host, self.port)


def proxy_for(address: WebAddress, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy that leads there; None: go directly. Raises `WebUnusable` for a proxy that no
    client here can use: going directly instead would be a way that nobody allowed."""
    variable = _first(environ, f"{address.scheme}_proxy") or _first(environ, "all_proxy")
    if not variable:
        return None
    exempt = environ.get(_first(environ, "no_proxy"), "")
    if any(_covers(item, address) for item in re.split(r"[,\s]+", exempt) if item):
        return None
    return _parsed(environ[variable].strip(), variable)


def _first(environ: Mapping[str, str], name: str) -> str:
    """Under which of its two spellings it is set; empty: under none."""
    return next((n for n in (name, name.upper()) if environ.get(n, "").strip()), "")


def _parsed(text: str, variable: str) -> Proxy:
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname or "", parts.port or PROXY_PORT
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.scheme != "http" or not host or not host.isprintable() or " " in host:
        raise WebUnusable(
            f"the proxy in the variable {variable} is no http:// address",
            hint="only proxies of the form http://host:port are supported",
        )
    return Proxy(host, port, basic_authorization(parts))


def _covers(item: str, address: WebAddress) -> bool:
    """Whether one item of `no_proxy` exempts the address."""
    if item == "*":
        return True
    name, port = _item(item.lower())
    if port and port != str(address.port):
        return False
    if (ip := _ip(address.host)) is not None:
        try:
            network = ip_network(name, strict=False)
        except ValueError:
            return False
        return ip.version == network.version and ip in network
    domain = name.removeprefix("*").strip(".")
    return bool(domain) and (address.host == domain or address.host.endswith(f".{domain}"))


def _item(item: str) -> tuple[str, str]:
    """Name and port; a bare IPv6 address has no port."""
    if item.startswith("["):
        name, _, rest = item[1:].partition("]")
        return name, rest.removeprefix(":")
    if item.count(":") == 1:
        name, _, port = item.partition(":")
        return name, port
    return item, ""


def _ip(host: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(host)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
