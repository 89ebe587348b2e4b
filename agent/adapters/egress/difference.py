"""What is installed against what is wanted, in words; pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address

from agent.ports.lockdown_values import Address, Difference, Egress, Endpoint

_NAMED = 3  # so many are named; of the rest only the number


@dataclass(slots=True)
class Firewall:
    """A firewall as a value: `egress`, the cgroups whose sockets are refused by default, and what
    is wrong with the rules themselves, in words."""

    allowed: set[Endpoint] = field(default_factory=set)
    known: dict[str, set[Address]] = field(default_factory=dict)
    devices: set[str] = field(default_factory=set)
    engines: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    @classmethod
    def desired(cls, egress: Egress, engines: Iterable[str]) -> "Firewall":
        """The desired state. An address of two registries counts for the first by name."""
        found = cls(set(egress.allowed), {}, set(egress.devices), set(engines))
        taken: set[Address] = set()
        for name in sorted(egress.known):
            found.known[name] = set(egress.known[name]) - taken
            taken |= egress.known[name]
        return found

    def lines(self) -> Iterator[str]:
        """As the helper takes it (agent/helpers/firewall/desired.py)."""
        for endpoint in self.allowed:
            yield f"allow {endpoint.address} {endpoint.protocol} {endpoint.port}"
        for name, addresses in self.known.items():
            texts = [str(address) for address in addresses]
            for at in range(0, len(texts) or 1, 150):
                yield " ".join(["deny", name, *texts[at : at + 150]])
        yield from (f"device {name}" for name in self.devices)
        yield from (f"engine {path}" for path in self.engines)

    def take(self, verb: str, rest: str) -> None:
        """One line of what the helper found."""
        match verb, rest.split(" "):
            case "allow", [address, protocol, port]:
                self.allowed.add(Endpoint(ip_address(address), protocol, int(port)))
            case "deny", [name, *addresses]:
                self.known.setdefault(name, set()).update(map(ip_address, addresses))
            case "device", _:
                self.devices.add(rest)
            case "engine", _:
                self.engines.add(rest)


@dataclass(slots=True)
class Observed:
    """What the helper found: the firewall, the engines' cgroups that exist (only those can be
    bound), and what it noticed besides, in words."""

    firewall: Firewall = field(default_factory=Firewall)
    running: set[str] = field(default_factory=set)
    notices: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, lines: Iterable[str]) -> "Observed":
        """From the helper's answer to `observe`."""
        found = cls()
        for line in lines:
            verb, _, rest = line.partition(" ")
            if verb == "is":
                found.firewall.take(*rest.split(" ", 1))
            elif verb == "fault":
                found.firewall.faults.append(rest)
            elif verb == "notice":
                found.notices.append(rest)
            elif verb == "engine":
                found.running.add(rest)
        return found


def differences(desired: Firewall, observed: Observed) -> list[Difference]:
    """Everything that has to change."""
    found = observed.firewall
    words = list(found.faults)
    words += _changes(desired.allowed, found.allowed, "is not allowed", "is allowed")
    for name in sorted(desired.known.keys() | found.known.keys()):
        here, there = desired.known.get(name, set()), found.known.get(name, set())
        words += _changes(here, there, f"of {name} is not refused", f"is refused as {name}")
    words += _changes(desired.devices, found.devices, "is not guarded", "is guarded")
    missing = desired.engines & observed.running - found.engines
    words += [f"the engine in {path} is free to connect anywhere" for path in sorted(missing)]
    return [Difference("nftables", text) for text in words]


def _changes(
    desired: Iterable[object], found: Iterable[object], lacks: str, has: str
) -> Iterator[str]:
    desired, found = set(desired), set(found)
    for group, text in ((desired - found, lacks), (found - desired, f"{has} and should not be")):
        names = sorted(map(str, group))
        for name in names[:_NAMED]:
            yield f"{name} {text}"
        if len(names) > _NAMED:
            yield f"{len(names) - _NAMED} more: {text}"
