"""Follows a path to the file it means and notes what was seen on the way; watches nothing."""

import stat
from dataclasses import dataclass
from os import stat_result
from pathlib import Path
from typing import NamedTuple

_MOST_LINKS = 40  # the kernel's own limit (path_resolution(7))


class Directory(NamedTuple):
    """A directory by name and identity: one removed and made again is another."""

    path: str
    device: int
    inode: int


@dataclass(frozen=True, slots=True)
class PathWatch:
    """`seen` differs when the file does; `directories` are where its change would show."""

    seen: tuple[object, ...]
    directories: frozenset[Directory]


def follow(path: str) -> PathWatch:
    """Resolve the path link by link; never raises.

    The directories: of each link, of the file and the one above (it may be swapped as a whole);
    for a path that ends nowhere, the last directory that exists.
    """
    root = Path("/")
    names = list(reversed(Path(path).absolute().parts[1:]))
    here, links, directories = root, 0, set[Path]()
    seen: tuple[object, ...] = ("missing",)
    while names:
        name = names.pop()
        if name == "..":
            here = here.parent
            continue
        step = here / name
        try:
            status = step.lstat()
            target = step.readlink() if stat.S_ISLNK(status.st_mode) else None
        except (FileNotFoundError, NotADirectoryError):
            directories.add(here)
            break
        except OSError as error:
            directories.add(here)
            seen = ("unreadable", error.errno)
            break
        if target is not None:
            directories.add(here)
            links += 1
            if links > _MOST_LINKS:
                seen = ("loop",)
                break
            here = root if target.is_absolute() else here
            names += reversed([part for part in target.parts if part != "/"])
        elif names:
            here = step
        else:
            directories |= {here, here.parent}
            seen = _signature(status)
    return PathWatch(seen, frozenset(_identified(directories)))


def _signature(status: stat_result) -> tuple[object, ...]:
    """Everything that content, owner and mode show in; reading the file alters none of it."""
    return (
        *(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns),
        *(status.st_mode, status.st_uid, status.st_gid),
    )


def _identified(paths: set[Path]) -> list[Directory]:
    found = []
    for path in paths:
        try:
            status = path.stat()
        except OSError:  # removed meanwhile: the next look sees it
            continue
        found.append(Directory(str(path), status.st_dev, status.st_ino))
    return found
