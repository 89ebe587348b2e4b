"""Netlink messages and sockets (netlink(7)); knows nothing of tables, rules or registries."""

from __future__ import annotations

import errno
import os
import socket
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NETFILTER, ROUTE = 12, 0
REQUEST, ACK, DUMP, CREATE = 0x1, 0x4, 0x300, 0x400
_ERROR, _DONE = 2, 3
_INTERRUPTED = 0x10  # NLM_F_DUMP_INTR: it changed while it was listed
_NESTED = 0x8000
_HEAD = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_BUFFER = 1 << 18
_RCVBUFFORCE, _SNDBUFFORCE = 33, 32
_ATTEMPTS = 20
_SOL_NETLINK = 270


def attribute(kind: int, data: bytes) -> bytes:
    """One attribute, padded."""
    return _ATTRIBUTE.pack(4 + len(data), kind) + data + bytes(-len(data) % 4)


def nested(kind: int, *parts: bytes) -> bytes:
    """An attribute that holds attributes."""
    return attribute(kind | _NESTED, b"".join(parts))


def text(kind: int, value: str) -> bytes:
    """A zero-terminated string."""
    return attribute(kind, value.encode() + b"\0")


def pairs(data: bytes, at: int = 0, end: int | None = None) -> Iterator[tuple[int, bytes]]:
    """Every attribute of a message: (kind without flags, its bytes). Broken ones end it."""
    end = len(data) if end is None else end
    while at + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < 4 or at + length > end:
            return
        yield kind & 0x3FFF, data[at + 4 : at + length]
        at += (length + 3) & ~3


def attributes(data: bytes, at: int = 0) -> dict[int, bytes]:
    """The same as a mapping; of several of one kind the last counts."""
    return dict(pairs(data, at))


def string(data: bytes) -> str:
    """What `text` packed."""
    return data.split(b"\0", 1)[0].decode(errors="replace")


def number(data: bytes) -> int:
    """An unsigned number in network order, as netfilter has them."""
    return int.from_bytes(data, "big")


def message(kind: int, flags: int, sequence: int, body: bytes, port: int = 0) -> bytes:
    """One whole message."""
    return _HEAD.pack(_HEAD.size + len(body), kind, flags, sequence, port) + body


def messages(data: bytes) -> Iterator[tuple[int, int, int, int, bytes]]:
    """Every message of what was received: (kind, flags, sequence, sender's port, body)."""
    at = 0
    while at + _HEAD.size <= len(data):
        length, kind, flags, sequence, port = _HEAD.unpack_from(data, at)
        if length < _HEAD.size:
            return
        yield kind, flags, sequence, port, data[at + _HEAD.size : at + length]
        at += (length + 3) & ~3


class Interrupted(OSError):
    """What was listed kept changing meanwhile."""


class Netlink:
    """One socket; raises `OSError` with the kernel's code."""

    def __init__(self, protocol: int = NETFILTER, fd: int | None = None) -> None:
        if fd is None:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
            self._socket.bind((0, 0))
        else:  # a socket that somebody else opened and goes on using
            self._socket = socket.socket(fileno=os.dup(fd))
        self._sequence = 0x5000_0000

    @property
    def fd(self) -> int:
        """For poll(2)."""
        return self._socket.fileno()

    @property
    def port(self) -> int:
        """The address by which the kernel names this socket as the author of a change."""
        return int(self._socket.getsockname()[0])

    def join(self, group: int) -> None:
        """Hear a multicast group."""
        self.option(1, group)  # NETLINK_ADD_MEMBERSHIP

    def leave(self, group: int) -> None:
        """Hear it no more."""
        self.option(2, group)  # NETLINK_DROP_MEMBERSHIP

    def option(self, name: int, value: int) -> None:
        """An option of netlink's own level."""
        self._socket.setsockopt(_SOL_NETLINK, name, value)

    def enlarge(self, size: int) -> None:
        """Room for that many bytes in either direction."""
        for option in (_RCVBUFFORCE, _SNDBUFFORCE):
            self._socket.setsockopt(socket.SOL_SOCKET, option, size)

    def receive(self) -> bytes:
        """What has arrived; empty when nothing has. ENOBUFS: something was lost."""
        try:
            return self._socket.recv(_BUFFER, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return b""

    def send(self, data: bytes) -> None:
        """As it is; the kernel works it off before this returns."""
        self._socket.sendto(data, (0, 0))

    def next(self, count: int = 1) -> int:
        """The first of `count` fresh sequence numbers."""
        self._sequence += count
        return self._sequence - count

    def request(self, kind: int, flags: int, body: bytes) -> None:
        """One message that is only acknowledged."""
        self.send(message(kind, flags | REQUEST | ACK, self.next(), body))
        self.check()

    def check(self) -> None:
        """Read the acknowledgements of what was sent; raises for the first refusal."""
        refused = 0
        while data := self.receive():
            for kind, _, _, _, body in messages(data):
                if kind == _ERROR and not refused:
                    refused = -struct.unpack_from("=i", body)[0]
        if refused:
            raise OSError(refused, os.strerror(refused))

    def dump(self, kind: int, body: bytes) -> list[bytes]:
        """Everything of a kind, one body each; asked again while it changes under way."""
        for _ in range(_ATTEMPTS):
            try:
                return list(self._listed(kind, body))
            except Interrupted:
                continue
        raise Interrupted(errno.EINTR, "the kernel's tables keep changing")

    def _listed(self, kind: int, body: bytes) -> Iterable[bytes]:
        sequence = self.next()
        self.send(message(kind, REQUEST | DUMP, sequence, body))
        found: list[bytes] = []
        torn = False
        while True:
            for got, flags, number_, _, part in messages(self._socket.recv(_BUFFER)):
                if number_ != sequence:
                    continue
                torn |= bool(flags & _INTERRUPTED)
                if got == _ERROR:
                    code = -struct.unpack_from("=i", part)[0]
                    raise OSError(code, os.strerror(code))
                if got == _DONE:
                    if torn:
                        raise Interrupted(errno.EINTR, "changed meanwhile")
                    return found
                found.append(part)

    def close(self) -> None:
        """Let go of it."""
        self._socket.close()
