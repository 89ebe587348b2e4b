"""Generations on disk: staged aside, switched to at once, three kept; knows nothing of their sense.

A process that is killed at any point leaves the generation that `CURRENT` names intact.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from agent.errors import AllowlistRejected
from core.durable import make_directory, remove_leftovers, sync_directory, write_file

CURRENT: Final = "CURRENT"
KEPT: Final = 3
METADATA: Final = "metadata"
PAYLOAD: Final = "payload"
INDEX: Final = "index.sqlite"
_LOCK: Final = ".lock"
_STAGING: Final = ".staging"


class Generations:
    """The directory that holds them; to be used while `locked`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.current = current_generation(directory)

    @property
    def in_force(self) -> Path | None:
        """The directory of the generation in force."""
        return self.directory / str(self.current) if self.current else None

    def stage(self) -> Path:
        """A fresh directory with a copy of the metadata in force; what was staged before goes."""
        staging = self.directory / _STAGING
        if staging.exists():
            shutil.rmtree(staging)
        remove_leftovers(self.directory)
        self._prune()
        make_directory(staging / METADATA)
        make_directory(staging / PAYLOAD)
        if self.in_force and (self.in_force / METADATA).is_dir():
            shutil.copytree(self.in_force / METADATA, staging / METADATA, dirs_exist_ok=True)
        return staging

    def discard(self, staging: Path) -> None:
        """Remove what was staged."""
        shutil.rmtree(staging, ignore_errors=True)  # the next one removes what remains

    @property
    def next(self) -> int:
        """The number that a staged generation will get: no directory has it or had it."""
        return max([_named(self.directory), *self._numbers()]) + 1

    def switch(self, staging: Path) -> int:
        """Make what was staged durable and put it in force; its number. Raises `OSError`."""
        number = self.next
        sync_tree(staging)
        staging.rename(self.directory / str(number))
        sync_directory(self.directory)
        write_file(self.directory / CURRENT, b"%d\n" % number)
        self.current = number
        self._prune()
        return number

    def _prune(self) -> None:
        """Keep the last three up to the one in force.

        One above it holds its number, which must not be given out again, until the next switch.
        """
        numbers = sorted(number for number in self._numbers() if number <= self.current)
        for number in numbers[:-KEPT]:
            shutil.rmtree(self.directory / str(number), ignore_errors=True)  # tried again next time

    def _numbers(self) -> list[int]:
        return [int(e.name) for e in self.directory.iterdir() if e.name.isdigit() and e.is_dir()]


def current_generation(directory: Path) -> int:
    """The number in `CURRENT`; 0 when none was usual in force or it is not there any more.

    Raises `OSError`.
    """
    number = _named(directory)
    return number if (directory / str(number)).is_dir() else 0


def _named(directory: Path) -> int:
    try:
        text = (directory / CURRENT).read_bytes().strip()
    except FileNotFoundError:
        return 0
    return int(text) if text.isdigit() else 0


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Only one sync at a time; raises `AllowlistRejected` when another one runs."""
    make_directory(directory)
    descriptor = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AllowlistRejected(
                f"{directory}: another sync is at work", hint="wait for it to end"
            ) from error
        yield
    finally:
        os.close(descriptor)


def sync_tree(directory: Path) -> None:
    """Make a directory and all below it durable, files first."""
    for entry in directory.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            sync_tree(entry)
        elif entry.is_file():
            descriptor = os.open(entry, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    sync_directory(directory)
