"""Files that survive a crash whole; knows bytes and paths, not what they mean.

Order of a replacement: write aside, fsync, rename, fsync the directory. A rename without both
fsyncs leaves empty or mixed files after a power cut.
"""

import contextlib
import glob
import os
import stat
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

_ASIDE = ".aside"
_ASIDE_NAME = f".*{_ASIDE}"  # process and thread


def write_file(
    path: str | Path,
    data: bytes,
    *,
    mode: int = 0o640,
    owner: tuple[int, int] | None = None,
    attributes: Mapping[str, bytes] | None = None,
    before_switch: Callable[[], None] | None = None,
) -> None:
    """Replace the file's content at once: readers see the whole old or the whole new content.

    `mode` is set whatever the umask; `owner` is (uid, gid); `attributes` are extended ones. A
    symbolic link at `path` is replaced, not followed. `before_switch` runs when all is written
    and may refuse by raising. Raises `OSError` or what that raised; then the old content stays.
    """
    path = Path(path)
    aside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_native_id()}{_ASIDE}")
    switched = False
    try:
        _write_new(aside, data, mode, owner, attributes or {})
        if before_switch:
            before_switch()
        aside.replace(path)
        switched = True
    finally:
        if not switched:
            with contextlib.suppress(OSError):  # the first error is the one to report
                aside.unlink(missing_ok=True)
    sync_directory(path.parent)


def append(descriptor: int, data: bytes) -> None:
    """Add to the end of a file opened for appending, and to the disk: all of it or nothing.

    On failure the file is cut back to its former length and `OSError` is raised. After a crash
    in between, a part of `data` may be there.
    """
    before = os.fstat(descriptor).st_size
    try:
        _write_all(descriptor, data)
        os.fdatasync(descriptor)
    except OSError:
        with contextlib.suppress(OSError):  # the first error is the one to report
            os.ftruncate(descriptor, before)
        raise


def make_directory(path: str | Path, *, mode: int = 0o750) -> None:
    """Make the directory and its missing parents, for the owner to write and its group to read.

    One that exists keeps its mode. Raises `OSError`.
    """
    path = Path(path)
    if path.is_dir():
        return
    make_directory(path.parent, mode=mode)
    try:
        path.mkdir(mode=mode)
    except FileExistsError:
        if not path.is_dir():
            raise
        return
    path.chmod(mode)
    sync_directory(path.parent)


def remove_leftovers(directory: str | Path, name: str = "*") -> int:
    """Remove what killed writers (of the file `name`) left aside; returns how many. For the only
    writer's start."""
    pattern = glob.escape(name) if name != "*" else name
    leftovers = list(Path(directory).glob(f".{pattern}{_ASIDE_NAME}"))
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)
    return len(leftovers)


def sync_directory(path: str | Path) -> None:
    """Make the directory's entries (new, renamed, removed) durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_new(
    path: Path,
    data: bytes,
    mode: int,
    owner: tuple[int, int] | None,
    attributes: Mapping[str, bytes],
) -> None:
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, stat.S_IRUSR | stat.S_IWUSR)
    try:
        _write_all(descriptor, data)
        if owner and owner != _owner(descriptor):  # a confined service may not even ask
            os.fchown(descriptor, *owner)
        os.fchmod(descriptor, mode)  # after the owner, whose change drops bits
        for name, value in attributes.items():
            os.setxattr(descriptor, name, value)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _owner(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_uid, status.st_gid


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
