"""Hears who else changes our tables; knows only events (netlink group NFNLGRP_NFTABLES)."""

from __future__ import annotations

import errno

from agent.helpers.firewall import netlink as nl
from agent.helpers.firewall.kernel import INET, NETDEV, NEWGEN, kind
from agent.helpers.firewall.ruleset import TABLE

_GROUP = 7


class Watch:
    """Changes of our tables by anybody but `own_port`."""

    def __init__(self, own_port: int) -> None:
        self._socket = nl.Netlink()
        self._socket.enlarge(8 << 20)
        self._socket.join(_GROUP)
        self._own_port = own_port
        self._pending = False

    @property
    def fd(self) -> int:
        """For poll(2)."""
        return self._socket.fd

    def read(self) -> list[str]:
        """One entry for each foreign transaction since: the process as the kernel named it, or
        empty where events were lost and all must be looked at."""
        culprits: list[str] = []
        while True:
            try:
                data = self._socket.receive()
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                culprits.append("")
                continue
            if not data:
                break
            for got, _, _, port, body in nl.messages(data):
                if port != self._own_port:
                    self._hear(got, body, culprits)
        if self._pending and not culprits:  # the name comes in a message of its own, which waits
            return []
        return culprits

    def _hear(self, got: int, body: bytes, culprits: list[str]) -> None:
        if got == kind(NEWGEN):
            if self._pending:
                self._pending = False
                author = nl.attributes(body, 4)
                name, pid = nl.string(author.get(3, b"")), nl.number(author.get(2, b""))
                culprits.append(f"{name}[{pid}]" if name else "")
        elif body[:1] and body[0] in (INET, NETDEV) and _table(body) == TABLE:
            self._pending = True

    def deafen(self) -> None:
        """Hear nothing for a while: an event for each of many elements of our own would only
        cost time and room. The caller verifies afterwards."""
        self._socket.leave(_GROUP)

    def listen(self) -> None:
        """Hear again."""
        self._socket.join(_GROUP)


def _table(body: bytes) -> str:
    for number, value in nl.pairs(body, 4):
        return nl.string(value) if number == 1 else ""
    return ""
