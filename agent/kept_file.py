"""One file that the agent keeps as it should be, and puts back: observe, write, undo.

The one mechanism behind every file layer. It knows bytes, backups and merges, no meaning and no
program that reads the file. Symbolic links are followed: what is edited is the file itself.
"""

import errno
import os
import re
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agent import durable
from agent.backup import Backups, FileState, Record
from agent.domain.diff import unified
from agent.domain.errors import InvalidFile
from agent.domain.lockdown import Difference
from agent.domain.merge import Merge, combined, merged, taken_back
from agent.errors import LayerFailed

Plan = Callable[[bytes | None], Merge]
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


@dataclass(frozen=True, slots=True)
class Sight:
    """A file as it is and as it should be. `path` is where it really lies."""

    path: Path
    state: FileState
    stamp: tuple[int, ...]
    record: Record | None
    untouched: bool
    merge: Merge
    wanted: bytes

    @property
    def differs(self) -> bool:
        """Whether it has to be written."""
        return self.wanted != self.state.data


class KeptFile:
    """One file of a layer. `plan` says what has to be merged into a given content, or raises
    `InvalidFile`. Every method raises `LayerFailed`, having changed nothing."""

    def __init__(self, path: str | Path, layer: str, backups: Backups, plan: Plan) -> None:
        self.path = Path(path)
        self._layer, self._backups, self._plan = layer, backups, plan

    def look(self) -> Sight:
        """Observe; touches nothing."""
        path = real(self.path)
        state, stamp = read(path)
        record = self._backups.get(path)
        untouched = record is None or state.data is None or record.untouched(state.data)
        base = record.original.data if record and untouched else state.data
        try:
            merge = self._plan(base)
            wanted = merged(merge, base)
        except InvalidFile as error:
            raise LayerFailed(f"{self.path}: {error.message}", hint=error.hint) from error
        return Sight(path, state, stamp, record, untouched, merge, wanted)

    def difference(self, sight: Sight, words: str) -> tuple[Difference, ...]:
        """How it differs, if it does."""
        if not sight.differs:
            return ()
        diff = unified(str(self.path), sight.state.data, sight.wanted)
        return (Difference(str(self.path), words, diff),)

    def write(self, sight: Sight) -> None:
        """Bring the file to what it should be, its original safe before; call it in
        `Backups.lock`, with a sight taken in it."""
        if not sight.differs:
            return
        record = sight.record or Record(str(sight.path), self._layer, sight.state, sight.merge)
        missing = tuple(map(str, _missing(sight.path.parent)))
        made = (*record.made, *(path for path in missing if path not in record.made))
        record = replace(record, merge=combined(record.merge, sight.merge), made=made)
        if sight.untouched:
            record = record.with_written(sight.wanted)
        self._backups.put(record)
        like = sight.state if sight.state.data is not None else record.original
        try:
            for directory in missing:
                durable.make_directory(directory, mode=0o755)
            write(sight.path, replace(like, data=sight.wanted), sight.stamp)
        except LayerFailed:
            self._forget(sight, missing)
            raise
        except OSError as error:
            self._forget(sight, missing)
            raise failed(sight.path, error) from error

    def revert(self, sight: Sight) -> None:
        """After `write`: the content before it again, since it did not take."""
        write(sight.path, sight.state, None)
        record = self._backups.get(sight.path)
        before = sight.record.made if sight.record else ()
        self._forget(
            sight, [made for made in (record.made if record else ()) if made not in before]
        )

    def _forget(self, sight: Sight, missing: Sequence[str]) -> None:
        """Take away the record and the directories that only this write had made."""
        _remove_empty(missing)
        if sight.record is None:
            self._backups.drop(sight.path)
        else:
            self._backups.put(sight.record)


@dataclass(frozen=True, slots=True)
class Return:
    """What a backup would put back now: `target` instead of `state`."""

    record: Record
    state: FileState
    stamp: tuple[int, ...]
    target: FileState
    words: str

    @property
    def differences(self) -> tuple[Difference, ...]:
        """What is undone, in words and as a diff."""
        path = self.record.path
        if self.state.data == self.target.data:
            return ()
        return (Difference(path, self.words, unified(path, self.state.data, self.target.data)),)


def plan_return(record: Record) -> Return:
    """What has to be put back; touches nothing. Raises `LayerFailed`."""
    path = Path(record.path)
    state, stamp = read(path)
    original = record.original
    if state.data is None or record.untouched(state.data):
        words = "put back byte for byte" if original.data is not None else "removed: it was absent"
        like = original if state.data is None else replace(state, data=original.data)
        return Return(record, state, stamp, like, words)
    try:
        data = taken_back(record.merge, state.data, original.data)
    except InvalidFile as error:
        raise LayerFailed(
            f"{path}: {error.message}",
            hint=f"{error.hint or 'mend it by hand'}, then restore again; the original is kept",
        ) from error
    words = "somebody else has edited it meanwhile: only our part was taken back"
    return Return(record, state, stamp, replace(state, data=data), words)


def put_back(back: Return, backups: Backups) -> None:
    """Do it, and forget the backup; call it in `Backups.lock`. Raises `LayerFailed`."""
    path = Path(back.record.path)
    if back.state.data != back.target.data:
        write(path, back.target, back.stamp)
    _remove_leftovers(path)
    _remove_empty(back.record.made)
    backups.drop(back.record.path)


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
    """The file's state, and a stamp that tells later whether it was changed. Raises
    `LayerFailed` for what is no regular file."""
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
                f"{path} is no regular file of at most {LARGEST} bytes",
                hint="look at it: ls -l; the agent leaves it alone",
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
        _remove_leftovers(path)
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
    hint = _HINTS.get(error.errno or 0, "see what is special about this file: ls -l, mount, dmesg")
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
        raise LayerFailed(f"{path} was changed by somebody just now", hint="it is looked at again")


def _stamp(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _attributes(descriptor: int) -> dict[str, bytes]:
    """Extended attributes that a new content does not make wrong, where there are any."""
    try:
        names = [name for name in os.listxattr(descriptor) if name.startswith(_ATTRIBUTES)]
        return {name: os.getxattr(descriptor, name) for name in names}
    except OSError:  # not supported here
        return {}


def _missing(directory: Path) -> list[Path]:
    """Directories that are not there, the outermost first."""
    missing: list[Path] = []
    while not directory.is_dir() and directory != directory.parent:
        missing.insert(0, directory)
        directory = directory.parent
    return missing


def _remove_leftovers(path: Path) -> None:
    if path.parent.is_dir():
        durable.remove_leftovers(path.parent, path.name)


def _remove_empty(directories: Sequence[str]) -> None:
    """Remove directories of ours, the innermost first, as long as they are empty."""
    for directory in reversed(directories):
        try:
            os.rmdir(directory)  # noqa: PTH106
        except OSError:
            return
