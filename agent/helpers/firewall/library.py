"""The only place that touches python3-nftables (GPL-2.0-only); loaded here and nowhere else."""

from __future__ import annotations

import ctypes
import importlib
import os
import site
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PLACES = (
    "/usr/lib/python3/dist-packages",
    "/usr/lib/python{0}.{1}/site-packages",
    "/usr/lib64/python{0}.{1}/site-packages",
)


class LibraryMissing(Exception):
    """Neither the distribution nor this interpreter has the module, or its library."""


class Refused(Exception):
    """The library or the kernel would not have the rules; the message is theirs, one line."""


def load() -> Any:
    """The module, from where distributions put it, else from this interpreter's own places."""
    for place in _PLACES:
        path = place.format(*sys.version_info)
        if path not in sys.path:
            sys.path.append(path)
    try:
        return importlib.import_module("nftables")
    except ImportError:
        site.main()  # this interpreter's own places, a virtual environment's included
    try:
        return importlib.import_module("nftables")
    except ImportError as error:
        raise LibraryMissing(
            f"the Python module nftables is missing ({error}): install python3-nftables"
        ) from error


def _sockets() -> set[int]:
    found = set()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - no pathlib here
        try:
            target = os.readlink(f"/proc/self/fd/{name}")  # noqa: PTH115 - no pathlib here
            if target.startswith("socket:"):
                found.add(int(name))
        except OSError:  # the listing's own descriptor
            continue
    return found


class Library:
    """One context, for one thread (shared ones crash). Raises `LibraryMissing`, or `Refused` where
    the kernel has no nf_tables."""

    def __init__(self) -> None:
        module = load()
        before = _sockets()
        try:
            self._context = module.Nftables()
        except OSError as error:
            raise LibraryMissing(
                f"libnftables cannot be loaded ({error}): install libnftables1 or nftables"
            ) from error
        opened = _sockets() - before
        if len(opened) != 1:
            raise LibraryMissing(
                "libnftables opened no netlink socket: this kernel has no nf_tables "
                "(modprobe nf_tables), or the process lacks AF_NETLINK"
            )
        self.fd = opened.pop()
        self.run("list tables\n")  # the kernel gives the socket its address with its first message

    def run(self, text: str) -> None:
        """One transaction of commands. Raises `Refused`."""
        code, _, words = self._context.cmd(text)
        if code:
            raise Refused(" ".join(str(words).split())[:400] or "nf_tables refused the rules")

    @staticmethod
    def trim() -> None:
        """Give memory back after large work; nothing where the C library cannot."""
        shrink = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if shrink is not None:
            shrink(0)
