"""The socket file and who may come in by it; knows nothing of what is said there."""

import grp
import os
import socket
import stat
import struct
from contextlib import suppress
from pathlib import Path

from agent.errors import ControlUnavailable

_SO_PEERGROUPS = 59  # asm-generic/socket.h; Python's socket module does not name it

Inode = tuple[int, int]


def group_id(name: str | None, path: Path) -> int | None:
    """The number of the group that gets the socket; `ControlUnavailable` when there is none."""
    try:
        return grp.getgrnam(name).gr_gid if name is not None else None
    except KeyError as error:
        raise ControlUnavailable(
            f"there is no group {name!r} to give {path} to",
            hint="create it, or set another in [control] explain_group",
        ) from error


def open_listener(
    path: Path, mode: int, gid: int | None, backlog: int
) -> tuple[socket.socket, Inode]:
    """A listening socket at `path`, and the file's identity; raises `ControlUnavailable`.

    It is bound beside the final name and renamed: a stale file is replaced in one step, and
    nobody can connect before owner and mode are right.
    """
    fresh = path.with_name(f"{path.name}.new")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _refuse_live(path)
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            fresh.unlink()
        listener.setblocking(False)
        listener.bind(str(fresh))
        if gid is not None and fresh.stat().st_gid != gid:  # a setgid folder has given it already
            os.chown(fresh, -1, gid)
        fresh.chmod(mode)
        listener.listen(backlog)
        made = inode(fresh)
        fresh.rename(path)
    except OSError as error:
        listener.close()
        raise ControlUnavailable(
            f"cannot serve {path}: {error}",
            hint="see [control] in the configuration; its folder must be writable by the agent",
        ) from error
    return listener, made


def may_ask(sock: socket.socket, mode: int, gid: int | None) -> bool:
    """Whether the peer is, by the kernel (SO_PEERCRED), somebody that the mode admits.

    Defence in depth: the file's own mode has let the peer in already.
    """
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("iII"))
    _, peer_uid, peer_gid = struct.unpack("iII", credentials)
    if peer_uid in (0, os.geteuid()) or mode & stat.S_IWOTH:
        return True
    if gid is None or not mode & stat.S_IWGRP:
        return False
    return gid == peer_gid or gid in _groups(sock)


def inode(path: Path) -> Inode:
    """What distinguishes a file from another of the same name."""
    status = path.lstat()
    return status.st_dev, status.st_ino


def _groups(sock: socket.socket) -> tuple[int, ...]:
    try:
        packed = sock.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, 1024)
    except OSError:
        return ()  # more than 256 groups, or a kernel before 4.13
    return struct.unpack(f"{len(packed) // 4}I", packed)


def _refuse_live(path: Path) -> None:
    """A socket file that nobody answers at is stale; anything else is not ours to replace."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise FileExistsError("it is not a socket; move it away")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            probe.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        return
    raise FileExistsError("another agent serves it already")
