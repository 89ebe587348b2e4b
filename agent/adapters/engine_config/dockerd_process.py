"""Finds the dockerd behind a socket, and reads its command line; psutil is imported lazily.

The kernel names the process that listens on a socket. Where systemd does that for the engine
(socket activation), it is the one dockerd of our process namespace.
"""

import socket
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psutil


def dockerd_behind(connection: socket.socket) -> "psutil.Process | None":
    """The engine's process; None when it cannot be found out."""
    import psutil

    size = struct.calcsize("3i")
    try:
        peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        process = psutil.Process(struct.unpack("3i", peer)[0])
        if process.name() == "dockerd":
            return process
    except (OSError, psutil.Error, ValueError):  # it has ended, or lives in another namespace
        return None
    return _only_dockerd()


def flag_value(arguments: Sequence[str], flag: str) -> str | None:
    """The last value of a flag; None when absent."""
    return next(reversed(flag_values(arguments, flag)), None)


def flag_values(arguments: Sequence[str], flag: str) -> list[str]:
    """All values of a flag, written `--flag=value` or `--flag value`, in order."""
    found = []
    for index, argument in enumerate(arguments):
        if argument.startswith(f"{flag}="):
            found.append(argument.partition("=")[2])
        elif argument == flag:
            found.append(arguments[index + 1] if index + 1 < len(arguments) else "")
    return found


def _only_dockerd() -> "psutil.Process | None":
    """The one dockerd of our own process namespace, if it is one."""
    import psutil

    here = _namespace("self")
    found = [
        process
        for process in psutil.process_iter(["name"])
        if process.info["name"] == "dockerd" and _namespace(process.pid) == here
    ]
    return found[0] if len(found) == 1 else None


def _namespace(process: int | str) -> str:
    try:
        return str(Path(f"/proc/{process}/ns/pid").readlink())
    except OSError:  # it has ended
        return ""


def told(ask: Any, default: Any) -> Any:
    """What psutil answers, or the default when the process has ended meanwhile."""
    import psutil

    try:
        return ask()
    except psutil.Error:
        return default
