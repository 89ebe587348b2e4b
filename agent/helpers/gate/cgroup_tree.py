"""Follows every directory that comes and goes below some roots; does not know what they mean.

Nothing is missed: a directory is reported first, then watched, then listed for what came in
between. The descriptor that inotify gives distinguishes a directory from a later one of the
same name.
"""

from __future__ import annotations

import errno

from agent.helpers.gate.hierarchy import children, is_gone
from agent.helpers.gate.inotify import (
    CREATE,
    DELETE,
    ISDIR,
    MOVED_FROM,
    MOVED_TO,
    OVERFLOW,
    Inotify,
)
from agent.helpers.gate.mounts import below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_UNWATCHED = -1  # no watch was left for it


class Tree:
    """`found(path, existing)` is called for each directory, parents first, at once as it appears,
    now and then twice; `gone(path)` when it is removed. `roots` are relative to `mount`, "/" is
    all of it."""

    def __init__(
        self,
        inotify: Inotify,
        mount: str,
        roots: Iterable[str],
        found: Callable[[str, bool], None],
        gone: Callable[[str], None],
    ) -> None:
        self._inotify = inotify
        self._mount = mount.rstrip("/")
        self._roots = below(self._mount, roots)
        self._found, self._gone = found, gone
        self._watch: dict[str, int] = {}
        self._path: dict[int, str] = {}
        self.unwatched: set[str] = set()

    def start(self) -> None:
        """Watch what is there and report it as existing."""
        self._explore(self._mount, existing=True)

    def handle(self) -> None:
        """Take in all events that have arrived."""
        for watch, mask, name in self._inotify.read():
            if mask & OVERFLOW:
                self.rescan()
                continue
            parent = self._path.get(watch)
            if parent is None or not mask & ISDIR:
                continue
            path = f"{parent}/{name}"
            if mask & MOVED_FROM:
                self._forget_below(path)
            if mask & (CREATE | DELETE | MOVED_FROM | MOVED_TO) and self._covers(path):
                self._changed(path, came=bool(mask & (CREATE | MOVED_TO)))

    def rescan(self) -> None:
        """Compare all that is known with all that is there, after events were lost."""
        for path in list(self._watch):
            self._changed(path, came=False)
        for path in list(self._watch):
            for child in children(path):
                if child not in self._watch and self._covers(child):
                    self._explore(child, existing=False)

    def retry(self) -> None:
        """Try again to watch what there was no watch left for, and list what came in it."""
        for path in list(self.unwatched):
            self.unwatched.discard(path)
            watch = self._add(path)
            if watch is None:
                self._forget(path)
            elif watch == _UNWATCHED:
                return  # still none left
            else:
                self._watch[path] = watch
                self._path[watch] = path
                for child in children(path):
                    if self._covers(child):
                        self._explore(child, existing=False)

    def _covers(self, path: str) -> bool:
        """Whether it is a root, below one, or on the way to one."""
        return self._inside(path) or any(root.startswith(f"{path}/") for root in self._roots)

    def _inside(self, path: str) -> bool:
        return any(f"{path}/".startswith(f"{root}/") for root in self._roots)

    def _changed(self, path: str, *, came: bool) -> None:
        """A directory of this name came or went: find out which by looking at what is there."""
        known = self._watch.get(path)
        if known is not None:
            if known != _UNWATCHED and self._add(path) == known:
                # The event may be of an earlier one of the name. But it may also be that we
                # reported that earlier one, and that this one took its place before we watched.
                if came and self._inside(path):
                    self._found(path, False)
                return
            self._forget(path)
        if came:  # what only went must not be reported as found once more
            self._explore(path, existing=False)

    def _explore(self, top: str, *, existing: bool) -> None:
        waiting = [top]
        while waiting:
            path = waiting.pop()
            if path in self._watch:
                continue
            if path != self._mount and self._inside(path):
                self._found(path, existing)
            watch = self._add(path)
            if watch is None:
                self._gone(path)
                continue
            self._watch[path] = watch
            if watch != _UNWATCHED:
                self._path[watch] = path
            waiting.extend(child for child in children(path) if self._covers(child))

    def _add(self, path: str) -> int | None:
        try:
            return self._inotify.add(path)
        except OSError as error:
            if is_gone(error) or error.errno == errno.ENOTDIR:
                return None
            if error.errno in (errno.ENOSPC, errno.ENOMEM):
                self.unwatched.add(path)
                return _UNWATCHED
            raise

    def _forget(self, path: str) -> None:
        watch = self._watch.pop(path)
        self.unwatched.discard(path)
        if watch != _UNWATCHED:
            self._inotify.remove(watch)
            self._path.pop(watch, None)
        self._gone(path)

    def _forget_below(self, path: str) -> None:
        for each in [known for known in self._watch if known.startswith(f"{path}/")]:
            self._forget(each)
