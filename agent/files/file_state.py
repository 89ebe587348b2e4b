"""One file's state, read and written whole, with its mode, owner and attributes; knows no meaning.

Symbolic links are followed first (`real`); reading and writing follow none.
"""

import errno
import os
import re
import stat
from pathlib import Path

from agent.errors import LayerFailed
from agent.files.backup import FileState
from core import durable

LARGEST = 4 << 20  # bytes; no configuration file is larger
_LINKS = 40  # as many as the kernel follows
_OTHER_ROOT = re.compile(r"/proc/(?:\d+|self)/root/")

_ATTRIBUTES = ("user.", "system.posix_acl_access", "security.selinux")
_HINTS = {
    errno.EROFS: "the file system is mounted read-only: remount it writable",
    errno.EPERM: "the file may be immutable: see lsattr, and chattr -i",
    errno.EACCES: "run as root; see the modes of its directories, and SELinux or AppArmor",
    errno.ENOSPC: "the disk is full: make room",
    errno.EDQUOT: "a quota is used up: make room",
}


def real(path: Path) -> Path:
    """The file behind symbolic links, which need not exist. Raises `LayerFailed` for a circle.

    Below `/proc/<pid>/root` links are followed as the processes there see them: the library's
    own way would leave that root without a word, and end in ours.
    """
    path = path.absolute()
    match = _OTHER_ROOT.match(f"{path}/")
    root = Path(match.group() if match else "/")
    at, parts, links = root, list(reversed(path.relative_to(root).parts)), 0
    while parts:
        part = parts.pop()
        if part == "..":
            at = at if at == root else at.parent
        elif target := _target(at / part):
            links += 1
            if links > _LINKS:
                raise LayerFailed(f"{path}: its links go in a circle", hint="see: namei PATH")
            at = root if target.is_absolute() else at
            parts += [piece for piece in reversed(target.parts) if piece != "/"]
        else:
            at /= part
    return at


def _target(path: Path) -> Path | None:
    try:
        return path.readlink()
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT, errno.ENOTDIR):  # no link
            return None
        raise failed(path, error) from error


def read(path: Path) -> tuple[FileState, tuple[int, ...]]:
    """The file's state, and a stamp that shows later whether it was changed. Raises
    `LayerFailed` for what is not a regular file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return FileState(None), ()
    except OSError as error:
        raise failed(path, error) from error
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST:
            raise LayerFailed(
                f"{path} is not a regular file of at most {LARGEST} bytes",
                hint="examine it: ls -l; the agent leaves it alone",
            )
        data = _content(descriptor)
        mode = stat.S_IMODE(found.st_mode)
        state = FileState(data, mode, found.st_uid, found.st_gid, _attributes(descriptor))
        return state, _stamp(found)
    except OSError as error:
        raise failed(path, error) from error
    finally:
        os.close(descriptor)


def write(path: Path, state: FileState, stamp: tuple[int, ...] | None) -> None:
    """Make the file what `state` says, at once, unless it has changed since `stamp` was taken.
    Raises `LayerFailed`; then it is as it was."""
    try:
        if state.data is None:
            _check(path, stamp)
            path.unlink(missing_ok=True)
            if path.parent.is_dir():
                durable.sync_directory(path.parent)
            return
        durable.make_directory(path.parent, mode=0o755)
        remove_leftovers(path)
        durable.write_file(
            path,
            state.data,
            mode=state.mode,
            owner=(state.uid, state.gid),
            attributes=state.attributes,
            before_switch=lambda: _check(path, stamp),
        )
    except OSError as error:
        raise failed(path, error) from error


def failed(path: Path, error: OSError) -> LayerFailed:
    """An error of the system in words, with what to do."""
    hint = _HINTS.get(error.errno or 0, "examine this file: ls -l, mount, dmesg")
    return LayerFailed(f"{path}: {error.strerror}", hint=f"{hint}; nothing was changed")


def _content(descriptor: int) -> bytes:
    parts = []
    while part := os.read(descriptor, LARGEST):
        parts.append(part)
    return b"".join(parts)


def _check(path: Path, stamp: tuple[int, ...] | None) -> None:
    if stamp is None:
        return
    try:
        now = _stamp(path.lstat())
    except FileNotFoundError:
        now = ()
    if now != stamp:
        raise LayerFailed(
            f"{path} was changed by another process just now", hint="dockwarden checks it again"
        )


def _stamp(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _attributes(descriptor: int) -> dict[str, bytes]:
    """Extended attributes that a new content does not make wrong, where there are any."""
    try:
        names = [name for name in os.listxattr(descriptor) if name.startswith(_ATTRIBUTES)]
        return {name: os.getxattr(descriptor, name) for name in names}
    except OSError:  # not supported here
        return {}


def missing(directory: Path) -> list[Path]:
    """Directories that are not there, the outermost first."""
    found: list[Path] = []
    while not directory.is_dir() and directory != directory.parent:
        found.insert(0, directory)
        directory = directory.parent
    return found


def remove_leftovers(path: Path) -> None:
    """Take away what killed writers of this file left beside it."""
    if path.parent.is_dir():
        durable.remove_leftovers(path.parent, path.name)
