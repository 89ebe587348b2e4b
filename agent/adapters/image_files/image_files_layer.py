"""`ports.Layer` on files that no program has to reload: each is independent.

A file that cannot be kept (broken, read-only) is named in `Drift.blocked` and does not keep the
others from being kept.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from agent.adapters.image_files.tool_files import ToolFile
from agent.errors import LayerFailed
from agent.files import file_state, kept_file
from agent.files.backup import Backups
from agent.files.kept_file import KeptFile
from agent.ports.lockdown_values import Difference, Drift
from core.base_errors import InvalidFile

NAME = "files"


class ImageFilesLayer:
    """Keeps the files that `find` returns, which is asked at every look: programs come and go.

    Not for use by several threads at once (other processes are kept out by the backups' lock).
    """

    def __init__(self, find: Callable[[], Iterable[ToolFile]], backups: Backups) -> None:
        self._find, self._backups = find, backups

    @property
    def name(self) -> str:
        """See `ports.Layer`."""
        return NAME

    def watched(self) -> Sequence[str]:
        """See `ports.Layer`: the files, and where they really lie."""
        paths = [Path(file.path) for file in self._find()]
        return sorted({str(name) for path in paths for name in (path, file_state.real(path))})

    def drift(self) -> Drift:
        """See `ports.Layer`."""
        return self._each(write=False)

    def apply(self) -> Drift:
        """See `ports.Layer`. Raises `LayerFailed` only when the backups cannot be used."""
        with self._backups.lock():
            return self._each(write=True)

    def restore(self) -> Drift:
        """See `ports.Layer`. Puts back all that it can before it raises `LayerFailed`."""
        undone: tuple[Difference, ...] = ()
        failures = []
        with self._backups.lock():
            for record in self._backups.of_layer(NAME):
                try:
                    back = kept_file.plan_return(record)
                    kept_file.put_back(back, self._backups)
                except LayerFailed as error:
                    failures.append(str(error))
                else:
                    undone += back.differences
        if failures:
            raise LayerFailed("; ".join(failures), hint="all other files were restored")
        return Drift(NAME, undone)

    def _each(self, *, write: bool) -> Drift:
        differences: tuple[Difference, ...] = ()
        notes: tuple[Difference, ...] = ()
        blocked = []
        for file in self._find():
            kept = KeptFile(file.path, NAME, self._backups, file.plan)
            try:
                sight = kept.look()
                advice = file.advice(sight.state.data)
                found = kept.difference(sight, file.words)
                if write:
                    kept.write(sight)
            except LayerFailed as error:
                blocked.append(str(error))
            except InvalidFile as error:
                blocked.append(f"{file.path}: {error}")
            else:
                differences += found
                notes += tuple(Difference(str(file.path), words) for words in advice)
        return Drift(NAME, differences, "; ".join(blocked), notes)
