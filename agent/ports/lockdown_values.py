"""What a locked-down host looks like, and how it differs from that; values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """A service that may be reached: an address, `tcp` or `udp`, a port."""

    address: Address
    protocol: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.address}]" if self.address.version == 6 else str(self.address)
        return f"{host}:{self.port}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class Egress:
    """The desired state of the firewall.

    `allowed` is all that the engines themselves may reach (everybody else may reach it too).
    `known` maps a public registry's name to the addresses that are refused to everybody.
    `devices` are macvlan parents, which bypass the ordinary hooks.
    """

    allowed: frozenset[Endpoint] = frozenset()
    known: Mapping[str, frozenset[Address]] = field(default_factory=dict)
    devices: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it should be: where, in words, and as a unified diff if a file."""

    place: str
    words: str
    diff: str = ""


@dataclass(frozen=True, slots=True)
class Drift:
    """How one layer differs from what it should be; `blocked` says why it cannot be corrected.

    `notes` are not ours to change: they are reported, never changed, and count as no drift.
    """

    layer: str
    differences: tuple[Difference, ...] = ()
    blocked: str = ""
    notes: tuple[Difference, ...] = ()

    @property
    def none(self) -> bool:
        """Whether all is as it should be."""
        return not self.differences and not self.blocked


@dataclass(frozen=True, slots=True)
class Refusal:
    """Packets that the firewall refused since the last time it was asked.

    `registry` is the known registry's name, empty for whatever else an engine tried; `source` is
    the container or the class of process, as far as the kernel reports.
    """

    registry: str
    count: int
    destination: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Somebody changed the firewall; `culprit` is the process that the kernel named, or empty."""

    culprit: str = ""


def concerns(name: str, registry: str, destination: str) -> bool:
    """Whether a refusal is of what somebody calls `name`: a registry or an image there, or an
    address, with or without its port. `destination` is as in `Refusal`."""
    wanted = name.lower().partition("/")[0]
    address = destination.partition("/")[0]
    host = address.rpartition(":")[0]
    names = {registry, address, host, host.strip("[]")} - {""}
    return wanted in names or (bool(registry) and wanted.rpartition(":")[0] == registry)
