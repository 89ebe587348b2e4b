"""Which bridges carry containers only, and which devices there are (rtnetlink(7))."""

from __future__ import annotations

import socket
import struct

from agent.helpers.firewall import netlink as nl

_GETLINK, _GETROUTE = 18, 26
_GROUP_LINK = 1
_STRICT_CHECK = 12  # NETLINK_GET_STRICT_CHK: lets the kernel filter routes by device


class Links:
    """Reads the devices of this network namespace and hears that they change."""

    def __init__(self) -> None:
        self._ask = nl.Netlink(nl.ROUTE)
        self._ask.option(_STRICT_CHECK, 1)
        self._hear = nl.Netlink(nl.ROUTE)
        self._hear.join(_GROUP_LINK)

    @property
    def fd(self) -> int:
        """For poll(2)."""
        return self._hear.fd

    def drain(self) -> None:
        """Forget what was heard; look at everything instead."""
        try:
            while self._hear.receive():
                pass
        except OSError:  # ENOBUFS: more changes than fit, and we look at all of them anyway
            return

    def read(self) -> tuple[set[str], set[str]]:
        """(bridges that lead to containers, all devices).

        Such a bridge has veth ports only and no route through a gateway: one that also carries
        the machine's uplink would let the engine out.
        """
        kinds: dict[int, tuple[str, str]] = {}
        ports: dict[int, set[str]] = {}
        for body in self._ask.dump(_GETLINK, struct.pack("=BxHiII", 0, 0, 0, 0, 0)):
            index = struct.unpack_from("=i", body, 4)[0]
            found = nl.attributes(body, 16)
            kind = nl.string(nl.attributes(found.get(18, b"")).get(1, b""))
            kinds[index] = (nl.string(found.get(3, b"")), kind)
            if 10 in found:
                ports.setdefault(struct.unpack("=I", found[10])[0], set()).add(kind)
        bridges = {
            name
            for index, (name, kind) in kinds.items()
            if kind == "bridge"
            and ports.get(index, set()) <= {"veth"}
            and not self._has_gateway(index)
        }
        return bridges, {name for name, _ in kinds.values()}

    def _has_gateway(self, index: int) -> bool:
        for family in (socket.AF_INET, socket.AF_INET6):
            body = struct.pack("=8BI", family, 0, 0, 0, 0, 0, 0, 0, 0)
            body += nl.attribute(4, struct.pack("=i", index))
            for route in self._ask.dump(_GETROUTE, body):
                found = nl.attributes(route, 12)
                if found.keys() & {5, 9, 18}:  # RTA_GATEWAY, RTA_MULTIPATH, RTA_VIA
                    return True
        return False
