"""systemd-journald's native protocol; knows fields and bytes, nothing of what is logged.

Protocol: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/. Written out here because importing the
PyPI client costs a small process 2 MiB, and because its blocking socket would let a hung
journald hang its caller.
"""

import errno
import fcntl
import os
import re
import socket
import struct
import sys
from collections.abc import Iterable, Mapping

SOCKET = "/run/systemd/journal/socket"
_PATIENCE = 0.5  # seconds that a hung journald may hold its caller
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
_NOT_IN_NAMES = re.compile(r"[^A-Z0-9_]")


class Journal:
    """One way to the journal. `send` may be called from any thread."""

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(_PATIENCE)

    def send(self, fields: Mapping[str, str]) -> None:
        """Hand over one entry. Raises `OSError`: `FileNotFoundError` or `ConnectionRefusedError`
        where nobody listens, `TimeoutError` where journald hangs."""
        data = encode(fields.items())
        try:
            self._socket.sendto(data, self._path)
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
            self._send_by_descriptor(data)

    def _send_by_descriptor(self, data: bytes) -> None:
        with open(os.memfd_create("entry", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC), "wb") as file:
            file.write(data)
            file.flush()
            fcntl.fcntl(file.fileno(), fcntl.F_ADD_SEALS, _SEALS)
            # Not socket.send_fds: up to Python 3.11 at least it ignores the address.
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("@i", file.fileno()))
            self._socket.sendmsg([b""], [rights], 0, self._path)

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()


def encode(fields: Iterable[tuple[str, str]]) -> bytes:
    """One entry: `NAME=value` lines, or the length-prefixed form where a value has line breaks."""
    parts: list[bytes] = []
    for name, value in fields:
        data = value.encode(errors="backslashreplace")
        if b"\n" in data:
            parts += (name.encode(), b"\n", struct.pack("<Q", len(data)), data, b"\n")
        else:
            parts += (name.encode(), b"=", data, b"\n")
    return b"".join(parts)


def field_name(text: str) -> str:
    """The nearest name journald accepts: capitals, digits and `_`, at most 64, a letter first."""
    name = _NOT_IN_NAMES.sub("_", text.upper()).lstrip("_0123456789")
    return name[:64] or "FIELD"


def is_stderr(journal_stream: str) -> bool:
    """Whether standard error goes to the journal: `JOURNAL_STREAM` names its device and inode
    (systemd.exec(5)); a child with a redirected stderr inherits the variable, not the stream."""
    try:
        device, inode = (int(part) for part in journal_stream.split(":", 1))
        status = os.fstat(sys.stderr.fileno())
    except (ValueError, OSError, AttributeError):
        return False
    return (status.st_dev, status.st_ino) == (device, inode)
