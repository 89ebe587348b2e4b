"""One file that the agent keeps as it should be, and puts back: observe, write, undo.

The one mechanism behind every file layer. It knows bytes, backups and merges, no meaning and no
program that reads the file. Symbolic links are followed: what is edited is the file itself.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agent.errors import LayerFailed
from agent.files import file_state
from agent.files.backup import Backups, FileState, Record
from agent.merging.diff import unified
from agent.merging.merge import Merge, combined, merged, taken_back
from agent.ports.lockdown_values import Difference
from core import durable
from core.base_errors import InvalidFile

Plan = Callable[[bytes | None], Merge]


@dataclass(frozen=True, slots=True)
class Sight:
    """A file as it is and as it should be. `path` is where it really lies."""

    path: Path
    state: FileState
    stamp: tuple[int, ...]
    record: Record | None
    untouched: bool
    merge: Merge
    desired: bytes

    @property
    def differs(self) -> bool:
        """Whether it has to be written."""
        return self.desired != self.state.data


class KeptFile:
    """One file of a layer. `plan` says what has to be merged into a given content, or raises
    `InvalidFile`. Every method raises `LayerFailed`, having changed nothing."""

    def __init__(self, path: str | Path, layer: str, backups: Backups, plan: Plan) -> None:
        self.path = Path(path)
        self._layer, self._backups, self._plan = layer, backups, plan

    def look(self) -> Sight:
        """Observe; touches nothing."""
        path = file_state.real(self.path)
        state, stamp = file_state.read(path)
        record = self._backups.get(path)
        untouched = record is None or state.data is None or record.untouched(state.data)
        base = record.original.data if record and untouched else state.data
        try:
            merge = self._plan(base)
            desired = merged(merge, base)
        except InvalidFile as error:
            raise LayerFailed(f"{self.path}: {error.message}", hint=error.hint) from error
        return Sight(path, state, stamp, record, untouched, merge, desired)

    def difference(self, sight: Sight, words: str) -> tuple[Difference, ...]:
        """How it differs, if it does."""
        if not sight.differs:
            return ()
        diff = unified(str(self.path), sight.state.data, sight.desired)
        return (Difference(str(self.path), words, diff),)

    def write(self, sight: Sight) -> None:
        """Bring the file to what it should be, its original safe before; call it in
        `Backups.lock`, with a sight taken in it."""
        if not sight.differs:
            return
        record = sight.record or Record(str(sight.path), self._layer, sight.state, sight.merge)
        missing = tuple(map(str, file_state.missing(sight.path.parent)))
        made = (*record.made, *(path for path in missing if path not in record.made))
        record = replace(record, merge=combined(record.merge, sight.merge), made=made)
        if sight.untouched:
            record = record.with_written(sight.desired)
        self._backups.put(record)
        like = sight.state if sight.state.data is not None else record.original
        try:
            for directory in missing:
                durable.make_directory(directory, mode=0o755)
            file_state.write(sight.path, replace(like, data=sight.desired), sight.stamp)
        except LayerFailed:
            self._forget(sight, missing)
            raise
        except OSError as error:
            self._forget(sight, missing)
            raise file_state.failed(sight.path, error) from error

    def revert(self, sight: Sight) -> None:
        """After `write`: the content before it again, since it did not take."""
        file_state.write(sight.path, sight.state, None)
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
    state, stamp = file_state.read(path)
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
            hint=f"{error.hint or 'correct it by hand'}, then restore again; the original is kept",
        ) from error
    words = "somebody else has edited it meanwhile: only dockwarden's part was removed"
    return Return(record, state, stamp, replace(state, data=data), words)


def put_back(back: Return, backups: Backups) -> None:
    """Do it, and forget the backup; call it in `Backups.lock`. Raises `LayerFailed`."""
    path = Path(back.record.path)
    if back.state.data != back.target.data:
        file_state.write(path, back.target, back.stamp)
    file_state.remove_leftovers(path)
    _remove_empty(back.record.made)
    backups.drop(back.record.path)


def _remove_empty(directories: Sequence[str]) -> None:
    """Remove directories of ours, the innermost first, as long as they are empty."""
    for directory in reversed(directories):
        try:
            os.rmdir(directory)  # noqa: PTH106
        except OSError:
            return
