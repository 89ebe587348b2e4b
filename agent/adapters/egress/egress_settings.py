"""What the firewall layer is given, and what its words mean as services; no I/O."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from agent.config.lockdown_config import EgressConfig
from agent.ports.lockdown_values import Address

_PORTS = {"http": 80, "https": 443}
# RFC 1918, 6598 and 4193
_INSIDE = tuple(
    map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
)


@dataclass(frozen=True, slots=True)
class Service:
    """A service by name (or address): not resolved yet."""

    host: str
    protocol: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class Launch:
    """How the helper is started. `python` "" is the distribution's, else this one. `enter` makes
    a command that runs another one elsewhere; `netns` is the only network namespace (its inode)
    in which the helper acts, None the engine's. `own` False leaves the table unowned."""

    python: str = ""
    enter: Callable[[Sequence[str]], Sequence[str]] = list
    netns: int | None = None
    own: bool = True


@dataclass(frozen=True, slots=True)
class EgressSettings:
    """`mirror` is the private registry's URL, `services` further URLs or `host:port` that are
    always needed (allowlist server, collector); `state_file` keeps what names last meant.
    `devices` reports the macvlan parents of the moment; `engines` False looks for no running
    engine beside the configured cgroups."""

    mirror: str
    egress: EgressConfig
    state_file: Path
    services: tuple[str, ...] = ()
    socket: str = "/var/run/docker.sock"
    resolv_conf: Path = Path("/etc/resolv.conf")
    devices: Callable[[], Iterable[str]] = tuple
    discover: bool = True
    launch: Launch = field(default_factory=Launch)

    @property
    def required(self) -> Service:
        """The private registry."""
        return service(self.mirror)

    @property
    def desired(self) -> tuple[Service, ...]:
        """All else that is allowed, DNS apart."""
        return tuple(service(text) for text in (*self.services, *self.egress.allow))


def service(text: str) -> Service:
    """A URL, or `host:port` with `/tcp` or `/udp`. Raises `ValueError` without host or port."""
    if "://" in text:
        url = urlsplit(text)
        port, host, protocol = url.port or _PORTS.get(url.scheme), url.hostname, "tcp"
    else:
        rest, _, protocol = text.partition("/")
        host, _, digits = rest.rpartition(":")
        host, port, protocol = host.strip("[]"), int(digits), protocol or "tcp"
    if not host or not port:
        raise ValueError(f"{text!r} names no host and port")
    return Service(host.lower(), protocol, port)


def literal(host: str) -> Address | None:
    """The address that a host already is; None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def refusable(address: Address) -> bool:
    """Whether refusing an address to the whole host can be meant. A resolver that answers for a
    public registry with an inside address (a sinkhole, a company's own mirror) must not take
    loopback or the company's network down with it."""
    if address.version == 6 and address.ipv4_mapped is not None:
        return False
    inside = (
        address.is_loopback,
        address.is_unspecified,
        address.is_multicast,
        address.is_link_local,
        any(address in network for network in _INSIDE),
    )
    return not any(inside)


def nameservers(resolv_conf: str) -> frozenset[Address]:
    """The resolvers of a resolv.conf(5), zone indexes cut."""
    found = set()
    for line in resolv_conf.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            address = literal(words[1].partition("%")[0])
            if address is not None:
                found.add(address)
    return frozenset(found)
