"""Servers and a proxy that every client meets, and the table of cases: which way is right."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.adapters.tls import Authority
from tests.network.every_client import Asked, Client
from tests.network.forward_proxy import ForwardProxy
from tests.network.origin import NAME, Origin
from tests.patience import PATIENCE

DIRECT, THROUGH = "directly", "through the proxy"


@dataclass(slots=True)
class Street:
    """A server with TLS, one without, and a proxy that leads to both."""

    secure: Origin
    plain: Origin
    proxy: ForwardProxy
    authority: Authority
    patch: pytest.MonkeyPatch
    folder: Path

    def ask(
        self, client: Client, root: str, *, ca_file: Path | None = None, seconds: float = PATIENCE
    ) -> str:
        """Which way the request went; or the error's text."""
        asked = Asked(root, str(ca_file or self.authority.ca_file), seconds, self.patch)
        before = self.secure.reached + self.plain.reached
        try:
            well = client.ask(asked)
        except client.errors as error:
            return str(error)
        if self.secure.reached + self.plain.reached == before or not well:
            return "no good answer"
        return THROUGH if self.proxy.asked else DIRECT


@dataclass(frozen=True, slots=True)
class Case:
    """PROXY stands for the proxy's host and port, PORT for the server's."""

    name: str
    way: str
    host: str = NAME
    scheme: str = "https"
    environ: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


def case(name: str, way: str, host: str = NAME, scheme: str = "https", **environ: str) -> Case:
    return Case(name, way, host, scheme, environ)


# Every name leads to this machine through the proxy; directly only localhost and 127.0.0.1 do.
CASES = [
    case("no variable", DIRECT, "localhost"),
    case("https_proxy", THROUGH, https_proxy="http://PROXY"),
    case("HTTPS_PROXY", THROUGH, HTTPS_PROXY="http://PROXY/"),
    case("no scheme", THROUGH, https_proxy="PROXY"),
    case("all_proxy", THROUGH, all_proxy="http://PROXY"),
    case("ALL_PROXY", THROUGH, ALL_PROXY="http://PROXY"),
    case("http_proxy", THROUGH, scheme="http", http_proxy="http://PROXY"),
    case("HTTP_PROXY", THROUGH, scheme="http", HTTP_PROXY="http://PROXY"),
    case("all_proxy for http", THROUGH, scheme="http", all_proxy="PROXY"),
    case("another scheme's", DIRECT, "localhost", http_proxy="http://PROXY"),
    case("lower case first", THROUGH, https_proxy="PROXY", HTTPS_PROXY="http://127.0.0.1:1"),
    case("the scheme's first", THROUGH, https_proxy="PROXY", all_proxy="http://127.0.0.1:1"),
    case("empty is unset", THROUGH, https_proxy="", all_proxy="PROXY"),
    case("no_proxy: host", DIRECT, "localhost", https_proxy="PROXY", no_proxy="a.test, localhost"),
    case("no_proxy: *", DIRECT, "localhost", https_proxy="PROXY", no_proxy="*"),
    case("NO_PROXY: CIDR", DIRECT, "127.0.0.1", https_proxy="PROXY", NO_PROXY="127.0.0.0/8"),
    case("no_proxy: port", DIRECT, "localhost", all_proxy="PROXY", no_proxy="localhost:PORT"),
    case("no_proxy: other port", THROUGH, https_proxy="PROXY", no_proxy=f"{NAME}:1"),
    case("no_proxy: others", THROUGH, https_proxy="PROXY", no_proxy="s.acme.test,cme.test"),
]


def set_environ(street: Street, origin: Origin, environ: dict[str, str]) -> None:
    for name, value in environ.items():
        told = value.replace("PROXY", street.proxy.address).replace("PORT", str(origin.port))
        street.patch.setenv(name, told)
