"""The firewall's desired state, as the agent sends it: lines in, checked keys out; no I/O.

The lines of one state, in any order: `allow ADDRESS tcp|udp PORT`, `deny REGISTRY ADDRESS...`,
`device NAME`, `engine CGROUP`. Whatever does not pass here never gets near a rule.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

PROTOCOLS = {"tcp": 6, "udp": 17}
COUNTER = "known-"
ENGINE_COUNTER = "engine"
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,98}[a-z0-9])?\Z")
_DEVICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}\Z")
_LINE = 7500  # bytes; the channel takes 8192


class Desired:
    """One state. Sets map an element's key, as the kernel has it, to its counter (or "")."""

    __slots__ = ("allow4", "allow6", "deny4", "deny6", "devices", "engines", "registries")

    def __init__(self) -> None:
        self.allow4: dict[bytes, str] = {}
        self.allow6: dict[bytes, str] = {}
        self.deny4: dict[bytes, str] = {}
        self.deny6: dict[bytes, str] = {}
        self.registries: set[str] = set()
        self.devices: set[str] = set()
        self.engines: set[str] = set()

    @property
    def size(self) -> int:
        """How many known addresses there are: what makes an installation slow."""
        return len(self.deny4) + len(self.deny6)

    def allows(self) -> dict[str, dict[bytes, str]]:
        """The small sets."""
        return {"allow4": self.allow4, "allow6": self.allow6}

    def denies(self) -> dict[str, dict[bytes, str]]:
        """The large ones."""
        return {"deny4": self.deny4, "deny6": self.deny6}

    def take(self, verb: str, rest: str) -> None:
        """One line. Raises `ValueError` with words for a person."""
        if verb == "allow":
            self._allow(rest.split(" "))
        elif verb == "deny":
            self._deny(rest.split(" "))
        elif verb == "device":
            if not _DEVICE.match(rest):
                raise ValueError(f"{rest!r} is not a network device's name")
            self.devices.add(rest)
        elif verb == "engine":
            path = rest.strip("/")
            if not path or "\0" in path or ".." in path.split("/"):
                raise ValueError(f"{rest!r} is not a cgroup that an engine could be told apart by")
            self.engines.add(path)
        else:
            raise ValueError(f"{verb!r} is not a part of a desired state")

    def _allow(self, words: list[str]) -> None:
        if len(words) != 3 or words[1] not in PROTOCOLS or not words[2].isdecimal():
            raise ValueError(f"{' '.join(words)!r} is not a service")
        port = int(words[2])
        if not 0 < port < 65536:
            raise ValueError(f"{port} is not a port")
        packed = ipaddress.ip_address(words[0]).packed
        key = packed + struct.pack(">B3xH2x", PROTOCOLS[words[1]], port)
        (self.allow4 if len(packed) == 4 else self.allow6)[key] = ""

    def _deny(self, words: list[str]) -> None:
        registry = words[0]
        if not _NAME.match(registry):
            raise ValueError(f"{registry!r} is not a registry's name")
        self.registries.add(registry)
        counter = COUNTER + registry
        for address in words[1:]:
            packed = _refusable(address)
            (self.deny4 if len(packed) == 4 else self.deny6).setdefault(packed, counter)


def _refusable(address: str) -> bytes:
    """An address whose refusal cannot take the host itself down. The strict parser of the C
    library first, which is ten times as fast, and there may be very many."""
    try:
        packed = socket.inet_pton(socket.AF_INET, address)
    except OSError:
        parsed = ipaddress.ip_address(address)
        inside = parsed.is_loopback or parsed.is_unspecified or parsed.is_multicast
        packed = parsed.packed
    else:
        inside = packed[0] in (0, 127) or packed[0] >= 224
    if inside:
        raise ValueError(f"no registry can be at {address}")
    return packed


def allow_line(key: bytes) -> str:
    """The line of an element of `allow4` or `allow6`."""
    number, port = struct.unpack(">B3xH2x", key[-8:])
    names = {code: name for name, code in PROTOCOLS.items()}
    return f"allow {ipaddress.ip_address(key[:-8])} {names.get(number, number)} {port}"


def deny_lines(elements: Iterable[tuple[bytes, str]]) -> Iterable[str]:
    """The lines of a set's elements, many addresses a line."""
    line: dict[str, list[str]] = {}
    for key, counter in elements:
        addresses = line.setdefault(counter[len(COUNTER) :], [])
        addresses.append(str(ipaddress.ip_address(key)))
        if len(addresses) * 40 > _LINE:
            yield f"deny {counter[len(COUNTER) :]} {' '.join(addresses)}"
            addresses.clear()
    for registry, addresses in line.items():
        if addresses:
            yield f"deny {registry} {' '.join(addresses)}"
