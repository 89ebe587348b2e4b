"""Remembers one number across the process's death; knows files, not events."""

import os
import struct
import zlib
from pathlib import Path

from core import durable

_SLOT = struct.Struct("<QQI")  # how often it was written, the number, their checksum
_BODY = struct.Struct("<QQ")
_PLACES = (0, 64)
_SIZE = 128


class BookmarkFile:
    """`ports.Bookmark` in two slots that are written in turn, each with a checksum, so that a
    torn write leaves the former number.

    The kernel has the number once `write` returns: it survives the process, and a power cut
    (which ends the engine's events as well) may bring back an older one. Written with pwrite:
    a mapping would end the agent by SIGBUS if the file were cut short or the disk filled up.
    """

    def __init__(self, path: str | Path) -> None:
        """Open or make the file, mode 0600. Raises `OSError`."""
        path = Path(path)
        durable.make_directory(path.parent)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._file = os.open(path, flags, 0o600)
        self._writes = max((writes for writes, _ in self._slots()), default=0)

    def read(self) -> int | None:
        """The last whole number written; None at first, or when both slots are damaged."""
        newest = max(self._slots(), default=None)
        return None if newest is None else newest[1]

    def write(self, time_ns: int) -> None:
        """Remember a number of 0 to 2^64-1 (about 2 µs). Raises `OSError`."""
        body = _BODY.pack(self._writes + 1, time_ns)
        slot = body + struct.pack("<I", zlib.crc32(body))
        os.pwrite(self._file, slot, _PLACES[(self._writes + 1) % 2])
        self._writes += 1

    def close(self) -> None:
        """Give the file back."""
        os.close(self._file)

    def _slots(self) -> list[tuple[int, int]]:
        data = os.pread(self._file, _SIZE, 0).ljust(_SIZE, b"\0")
        slots = [(_SLOT.unpack_from(data, place), data[place:][: _BODY.size]) for place in _PLACES]
        return [(n, value) for (n, value, crc), body in slots if n and crc == zlib.crc32(body)]
