"""An append-only file of lines with rotation, whole after any crash; knows bytes, not meaning.

`x.jsonl` grows; when full it becomes `x.jsonl.000001`, the next one `x.jsonl.000002`. Rotated
files keep their names, so a reader never meets one twice.
"""

import contextlib
import fcntl
import os
from pathlib import Path
from typing import BinaryIO

from agent.log import get_logger
from core import durable

log = get_logger(__name__)


class LineLog:
    """The only writer of one log, mode 0640. For one thread at a time. Methods raise `OSError`
    (`BlockingIOError`: another process holds the file)."""

    def __init__(self, path: str | Path, *, max_bytes: int, keep: int) -> None:
        """Open or make the file and its directory.

        It is rotated before it grows above `max_bytes`; `keep` rotated files stay, at least one.
        A line that a crash cut short is moved to `<path>.torn`; `torn_bytes` counts its bytes.
        """
        self._path = Path(path)
        self._max_bytes, self._keep = max_bytes, max(1, keep)
        self._file = -1
        self._size = 0  # what was appended whole; more in the file is left of a failed append
        self.torn_bytes = 0
        durable.make_directory(self._path.parent)
        self._open()

    def append(self, lines: bytes) -> None:
        """Add whole lines with one write and one fdatasync; on failure none of them stays, so
        that they can be given again."""
        self._reopen_if_moved()
        if 0 < self._size < self._size + len(lines) > self._max_bytes:
            self._rotate()
        if os.fstat(self._file).st_size > self._size:
            os.ftruncate(self._file, self._size)
        durable.append(self._file, lines)
        self._size += len(lines)

    def close(self) -> None:
        """Give the file back."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _open(self) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._file = os.open(self._path, flags, 0o640)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.fchmod(self._file, 0o640)
            self._set_aside_torn_line()
            durable.sync_directory(self._path.parent)
            self._size = os.fstat(self._file).st_size
        except OSError:
            self.close()
            raise

    def _reopen_if_moved(self) -> None:
        """Somebody else's rotation or removal must not send lines to a nameless file."""
        if self._file >= 0:
            mine = os.fstat(self._file)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(self._path.stat(), mine):
                    self._size = min(self._size, mine.st_size)
                    return
            self.close()
        durable.make_directory(self._path.parent)
        self._open()

    def _set_aside_torn_line(self) -> None:
        with open(self._path, "rb") as file:
            whole = _end_of_last_line(file)
            file.seek(whole)
            torn = file.read()
        if not torn:
            return
        aside = f"{self._path}.torn"
        try:
            _append_to(aside, torn + b"\n")
        except OSError as error:  # a full disk: it was never acknowledged, so it may go
            log.warning("line_log.torn_line_dropped", file=self._path, line=torn, error=error)
        else:
            log.warning("line_log.torn_line_set_aside", file=aside, bytes=len(torn))
        os.ftruncate(self._file, whole)
        self.torn_bytes += len(torn)

    def _rotate(self) -> None:
        rotated = rotated_files(self._path)
        number = _number(rotated[-1]) + 1 if rotated else 1
        self._path.rename(f"{self._path}.{number:06d}")
        self.close()
        self._open()  # syncs the directory: the rename and the new file together
        for old in rotated[: max(0, len(rotated) + 1 - self._keep)]:
            old.unlink(missing_ok=True)
            log.info("line_log.oldest_file_removed", file=old)


def rotated_files(path: Path) -> list[Path]:
    """The rotated files of a log, oldest first."""
    names = [name for name in path.parent.glob(f"{path.name}.*") if name.suffix[1:].isdecimal()]
    return sorted(names, key=_number)


def open_files(path: Path) -> list[BinaryIO]:
    """A log's files opened for reading, oldest first, for the caller to close.

    The current one is opened first: should it be rotated in between, it is met again under its
    new name, and left out there.
    """
    try:
        current = open(path, "rb")  # noqa: SIM115 - the caller closes it
    except FileNotFoundError:
        current = None
    files: list[BinaryIO] = []
    for name in rotated_files(path):
        with contextlib.suppress(FileNotFoundError):  # the oldest, just removed by its limit
            file = open(name, "rb")  # noqa: SIM115 - the caller closes it
            if current and os.path.sameopenfile(file.fileno(), current.fileno()):
                file.close()
                break
            files.append(file)
    return [*files, current] if current else files


def _append_to(path: str, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o640)
    try:
        durable.append(descriptor, data)
    finally:
        os.close(descriptor)


def _number(path: Path) -> int:
    return int(path.suffix[1:])


def _end_of_last_line(file: BinaryIO) -> int:
    """The offset after the last line break; 0 when there is none."""
    position = file.seek(0, os.SEEK_END)
    while position > 0:
        start = max(0, position - 65536)
        file.seek(start)
        found = file.read(position - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        position = start
    return 0
