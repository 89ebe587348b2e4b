"""inotify(7) through the C library; knows only watches and events."""

from __future__ import annotations

import ctypes
import os
import struct

CREATE, DELETE, MOVED_FROM, MOVED_TO = 0x100, 0x200, 0x40, 0x80
ISDIR, OVERFLOW = 0x40000000, 0x4000
_ONLYDIR, _DONT_FOLLOW = 0x01000000, 0x02000000
_MASK = CREATE | DELETE | MOVED_FROM | MOVED_TO | _ONLYDIR | _DONT_FOLLOW

_HEAD = struct.Struct("iIII")
_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, path: str = "") -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), path)
    return result


class Inotify:
    """One inotify instance; raises `OSError` with the kernel's code (ENOSPC: too many watches)."""

    def __init__(self) -> None:
        self.fd = _checked(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))

    def add(self, path: str) -> int:
        """Watch a directory for directories that come and go; the same directory gets the same
        descriptor again, so the answer also distinguishes two of one name."""
        return _checked(_libc.inotify_add_watch(self.fd, os.fsencode(path), _MASK), path)

    def remove(self, watch: int) -> None:
        """Drop a watch. cgroup directories need it: their removal does not end it."""
        _libc.inotify_rm_watch(self.fd, watch)

    def read(self) -> list[tuple[int, int, str]]:
        """What happened since: (watch, mask, name), in order; empty when nothing did."""
        try:
            data = os.read(self.fd, 65536)
        except BlockingIOError:
            return []
        events = []
        at = 0
        while at < len(data):
            watch, mask, _, length = _HEAD.unpack_from(data, at)
            at += _HEAD.size
            name = os.fsdecode(data[at : at + length].rstrip(b"\0"))
            events.append((watch, mask, name))
            at += length
        return events

    def close(self) -> None:
        """Drop all watches."""
        os.close(self.fd)
