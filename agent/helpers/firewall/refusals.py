"""What was refused, and who asked: the kernel's log messages name it, the counters count it.

Messages are limited to 50 a second, counters miss nothing; together they give both. Sources:
include/uapi/linux/netfilter/nfnetlink_log.h.
"""

from __future__ import annotations

import ipaddress
import struct

from agent.helpers.firewall import netlink as nl
from agent.helpers.firewall.desired import COUNTER, ENGINE_COUNTER
from agent.helpers.firewall.ruleset import DEVICE_PREFIX, ENGINE_PREFIX, GROUP, KNOWN_PREFIX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PACKET, _CONFIG = 4 << 8, 4 << 8 | 1
_COPY_PACKET, _SNAP = 2, 64
_ETHERNET = 14
_PROTOCOLS = {6: "tcp", 17: "udp"}
_MOST = 500  # different refusals kept between two reports

Key = tuple[str, str, str]  # counter, destination, source


class Log:
    """The firewall's own log group; raises `OSError` (EBUSY: somebody else listens to it)."""

    def __init__(self) -> None:
        self._socket = nl.Netlink()
        self._socket.enlarge(1 << 20)
        head = struct.pack(">BBH", 0, 0, GROUP)
        self._socket.request(_CONFIG, 0, head + nl.attribute(1, b"\x01"))
        mode = struct.pack(">IBx", _SNAP, _COPY_PACKET)
        self._socket.request(_CONFIG, 0, head + nl.attribute(2, mode))

    @property
    def fd(self) -> int:
        """For poll(2)."""
        return self._socket.fd

    def read(self) -> list[tuple[str, str, bytes, str]]:
        """(prefix, source, destination's address, destination in words) of each packet."""
        found: list[tuple[str, str, bytes, str]] = []
        while True:
            try:
                data = self._socket.receive()
            except OSError:  # ENOBUFS: some are lost; the counters have them
                continue
            if not data:
                return found
            for got, _, _, _, body in nl.messages(data):
                packet = _packet(nl.attributes(body, 4)) if got == _PACKET else None
                if packet is not None:
                    found.append(packet)


def _packet(found: Mapping[int, bytes]) -> tuple[str, str, bytes, str] | None:
    prefix = nl.string(found.get(10, b"")).strip() + " "
    payload = found.get(9, b"")
    if prefix == DEVICE_PREFIX:
        payload = payload[_ETHERNET:]
    version = payload[0] >> 4 if payload else 0
    if version == 4 and len(payload) >= 20:
        protocol, start = payload[9], (payload[0] & 15) * 4
        origin, address = payload[12:16], payload[16:20]
    elif version == 6 and len(payload) >= 40:
        protocol, start = payload[6], 40
        origin, address = payload[8:24], payload[24:40]
    else:
        return None
    host = str(ipaddress.ip_address(address))
    host = f"[{host}]" if version == 6 else host
    words = host
    if protocol in _PROTOCOLS and len(payload) >= start + 4:
        port = int.from_bytes(payload[start + 2 : start + 4], "big")
        words = f"{host}:{port}/{_PROTOCOLS[protocol]}"
    if prefix == ENGINE_PREFIX:
        source = "engine"
    elif prefix == KNOWN_PREFIX and 4 not in found and len(found.get(11, b"")) == 4:
        # A process of this host. What came in by a device (4) may carry a user of elsewhere.
        source = f"uid {nl.number(found[11])}"
    else:
        source = f"address {ipaddress.ip_address(origin)}"
    return prefix, source, address, words


class DenialCounters:
    """Adds messages and counters up; `registry_of` knows an address's counter (or "")."""

    def __init__(self, registry_of: Callable[[bytes], str]) -> None:
        self._registry_of = registry_of
        self._seen: dict[Key, int] = {}
        self._last: dict[str, int] = {}

    def start(self, counters: Mapping[str, int]) -> None:
        """Count from here."""
        self._last = dict(counters)

    def take(self, packets: list[tuple[str, str, bytes, str]]) -> None:
        """Note what the log reported."""
        for prefix, source, address, words in packets:
            counter = self._registry_of(address)
            if not counter and prefix == ENGINE_PREFIX:
                counter = ENGINE_COUNTER
            key = (counter, words, source)
            if key in self._seen or len(self._seen) < _MOST:
                self._seen[key] = self._seen.get(key, 0) + 1

    def report(self, counters: Mapping[str, int]) -> list[tuple[int, str, str, str]]:
        """(count, registry or "", destination, source) since the last report.

        What a counter has beyond the messages goes to the most frequent of its refusals.
        """
        seen, self._seen = self._seen, {}
        last, self._last = self._last, dict(counters)
        grown = {
            name: now - last.get(name, 0) if now >= last.get(name, 0) else now
            for name, now in counters.items()
        }
        found = []
        for counter in {*(name for name, by in grown.items() if by), *(key[0] for key in seen)}:
            mine = {key: n for key, n in seen.items() if key[0] == counter} or {
                (counter, "", "engine" if counter == ENGINE_COUNTER else ""): 0
            }
            most = max(mine, key=lambda key: mine[key])
            mine[most] += max(grown.get(counter, 0) - sum(mine.values()), 0)
            registry = counter[len(COUNTER) :] if counter.startswith(COUNTER) else ""
            found += [(n, registry, key[1], key[2]) for key, n in mine.items() if n]
        return found
