"""Reads a file only if nobody but root and this process's user could have written it."""

import os
import stat
from pathlib import Path
from typing import Final

from agent.errors import AllowlistRejected

_WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
_LINKS_FOLLOWED: Final = 40  # as Linux does (path_resolution(7)); resolving finds circles


def read_trusted(path: Path, limit: int) -> bytes:
    """The file's content, at most `limit` bytes, checked on what was opened, not on its name.

    The file and the directory that holds it must belong to root or to the effective user and be
    writable by nobody else; where it is a symbolic link, so must each link's directory. Raises
    `AllowlistRejected`.
    """
    try:
        _check_links(path)
        target = path.resolve(strict=True)
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _check(str(target.parent), os.fstat(folder))
            return _read_in(folder, target.name, path, limit)
        finally:
            os.close(folder)
    except FileNotFoundError as error:
        raise AllowlistRejected(
            f"{path} does not exist", hint="write the allowlist there, or set [allowlist] source"
        ) from error
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: links in a circle
        raise AllowlistRejected(
            f"{path} cannot be read: {error}", hint="make it readable"
        ) from error


def _read_in(folder: int, name: str, path: Path, limit: int) -> bytes:
    """Neither follows a link put there since it was resolved, nor waits for a pipe's writer."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    fd = os.open(name, flags, dir_fd=folder)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise AllowlistRejected(
                f"{path} is not a regular file", hint="write the list to a file"
            )
        _check(str(path), status)
        return _read(fd, status.st_size, path, limit)
    finally:
        os.close(fd)


def _read(fd: int, size: int, path: Path, limit: int) -> bytes:
    if size > limit:
        raise AllowlistRejected(
            f"{path} has {size} bytes, more than {limit}",
            hint="list fewer images, or use a source that keeps them on disk",
        )
    with open(fd, "rb", closefd=False) as file:
        data = file.read(size + 1)
    if len(data) != size:
        raise AllowlistRejected(
            f"{path} changed while it was read",
            hint="replace the whole file: write a new file beside it, then rename",
        )
    return data


def _check_links(path: Path) -> None:
    for _ in range(_LINKS_FOLLOWED):
        if not path.is_symlink():
            return
        _check(str(path.parent), path.parent.stat())
        path = path.parent / path.readlink()


def _check(path: str, status: os.stat_result) -> None:
    if status.st_uid not in (0, os.geteuid()):
        raise AllowlistRejected(
            f"{path} belongs to the user {status.st_uid}, who could approve anything",
            hint=f"chown root:root {path}",
        )
    if status.st_mode & _WRITABLE_BY_OTHERS:
        raise AllowlistRejected(
            f"{path} may be written by others (mode {stat.S_IMODE(status.st_mode):04o})",
            hint=f"chmod go-w {path}",
        )
