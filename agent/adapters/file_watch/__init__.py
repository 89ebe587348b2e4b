"""Reports changes of single files; knows directories and links, not what the files mean.

inotify (the watchdog library) only says when to look: what counts is what a look at the file
shows. A look without an event every `resurvey` seconds bounds what a lost event, a full queue or
a dead library thread can cost.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.adapters.file_watch.path_watch import PathWatch, follow
from agent.log import get_logger

if TYPE_CHECKING:
    from agent.adapters.file_watch.directories import Directories

log = get_logger(__name__)


@dataclass(slots=True)
class _Watched:
    """One path; `unsettled`: it was reported amid a burst, so the next event reports again."""

    path: str
    changed: Callable[[str], None]
    path_watch: PathWatch
    unsettled: bool = False


class FileWatcher:
    """`ports.FileWatch`. Follows symbolic links (each link's and the target's directories are
    watched) and waits for missing directories from the nearest one that exists.

    `failed` is called from the watcher's thread with what goes wrong: each error that a
    `changed` callback raises, and an error of the watching itself once until it changes. The
    watcher goes on in either case, at worst by the periodic look alone.
    """

    def __init__(
        self,
        failed: Callable[[Exception], None],
        *,
        quiet: float = 0.05,
        longest: float = 0.5,
        resurvey: float = 10.0,
    ) -> None:
        """A burst ends after `quiet` seconds without an event, or is cut after `longest`."""
        self._failed = failed
        self._quiet, self._longest, self._resurvey = quiet, longest, resurvey
        self._watched: tuple[_Watched, ...] = ()
        self._stirred = threading.Event()
        self._closed = threading.Event()
        self._trouble = ""
        self._directories: Directories | None = None
        self._thread = threading.Thread(target=self._run, name="file-watch", daemon=True)

    def watch(self, paths: Sequence[str], changed: Callable[[str], None]) -> None:
        """Call `changed(path)` from the watcher's thread, once a burst: content, owner, mode,
        appearance, disappearance, another target. One owner may call this again to add paths."""
        self._watched += tuple(_Watched(path, changed, follow(path)) for path in paths)
        if not self._thread.is_alive():
            self._thread.start()
        self._stirred.set()

    def close(self) -> None:
        """Stop watching and wait for a callback that is running."""
        self._closed.set()
        self._stirred.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._turn()
            except Exception as error:  # noqa: BLE001 - this thread must never die silently
                self._report(error)
                self._closed.wait(self._longest)
        if self._directories is not None:
            self._directories.close()

    def _turn(self) -> None:
        watched = self._watched
        self._aim(watched)
        by_event = self._stirred.wait(self._resurvey)
        quiet = self._await_quiet() if by_event else True
        if self._closed.is_set():
            return
        changed = [item for item in watched if _has_changed(item, by_event, quiet)]
        if changed and not by_event and self._directories is not None:
            log.warning("file_watch.event_missed", paths=[item.path for item in changed])
            self._directories.close()  # made again at the next turn
        for item in changed:
            self._tell(item)

    def _aim(self, watched: Sequence[_Watched]) -> None:
        """Watch exactly the directories that matter; without inotify the periodic look stays."""
        # Imported here: what it costs in memory, a run without watched files need not pay.
        from agent.adapters.file_watch.directories import Directories

        if self._directories is None:
            self._directories = Directories(self._stirred.set)
        try:
            self._directories.watch({d for w in watched for d in follow(w.path).directories})
        except FileNotFoundError:  # removed after it was seen: look again
            self._stirred.set()
        except OSError as error:
            self._report(error)
        else:
            self._trouble = ""

    def _await_quiet(self) -> bool:
        """Wait for the burst's end; False when it was cut."""
        end = time.monotonic() + self._longest
        while not self._closed.is_set():
            self._stirred.clear()
            if not self._stirred.wait(self._quiet):
                return True
            if time.monotonic() >= end:
                return False
        return True

    def _tell(self, item: _Watched) -> None:
        try:
            item.changed(item.path)
        except Exception as error:  # noqa: BLE001 - the other paths' watchers must still be informed
            self._failed(error)

    def _report(self, error: Exception) -> None:
        if repr(error) != self._trouble:
            self._trouble = repr(error)
            self._failed(error)


def _has_changed(item: _Watched, by_event: bool, quiet: bool) -> bool:
    path_watch = follow(item.path)
    # Times on disk are coarse: after a look amid writing, a later write of equal size can look
    # the same. Hence the second call once it is quiet.
    changed = path_watch.seen != item.path_watch.seen or (by_event and item.unsettled)
    item.path_watch = path_watch
    item.unsettled = changed and not quiet
    return changed
