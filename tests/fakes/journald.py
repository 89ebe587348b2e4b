"""A journald for tests: the real socket and the real protocol, read back into fields."""

import os
import socket
import struct
import threading
from pathlib import Path

from tests.patience import PATIENCE

_FLUSH = b"FLUSH=1\n"


class FakeJournald:
    """Listens at `path`; `entries` returns what arrived, in order. `hung`: it takes nothing."""

    def __init__(self, path: Path, *, hung: bool = False) -> None:
        self.path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        self._entries: list[dict[str, str]] = []
        self._flushed = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        if not hung:
            self.wake()

    def wake(self) -> None:
        """Begin to take entries."""
        self._thread.start()

    def entries(self) -> list[dict[str, str]]:
        """All entries sent before this call."""
        self._flushed.clear()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mark:
            mark.sendto(_FLUSH, self.path)
        assert self._flushed.wait(PATIENCE)
        return list(self._entries)

    def close(self) -> None:
        """Go away, as journald does when it is stopped."""
        self.entries()
        self._socket.close()
        Path(self.path).unlink()

    def _read(self) -> None:
        while True:
            try:
                data, descriptors, _, _ = socket.recv_fds(self._socket, 1 << 20, 1)
            except OSError:
                return  # closed
            if data == _FLUSH:
                self._flushed.set()
                continue
            for descriptor in descriptors:
                with open(descriptor, "rb") as file:
                    data += os.pread(file.fileno(), 1 << 30, 0)
            self._entries.append(decode(data))


def decode(data: bytes) -> dict[str, str]:
    """One entry of the native protocol."""
    fields: dict[str, str] = {}
    while data:
        head, _, rest = data.partition(b"\n")
        name, equals, value = head.partition(b"=")
        if not equals:
            (length,) = struct.unpack_from("<Q", rest)
            value, end, rest = (
                rest[8 : 8 + length],
                rest[8 + length : 9 + length],
                rest[9 + length :],
            )
            assert end == b"\n"
        assert name.decode() not in fields
        fields[name.decode()] = value.decode()
        data = rest
    return fields
