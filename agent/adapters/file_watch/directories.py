"""Keeps a changing set of directories under inotify; knows watchdog, not files or bursts."""

from collections.abc import Callable, Set

from watchdog import events
from watchdog.observers.api import ObservedWatch
from watchdog.observers.inotify import InotifyObserver

from agent.adapters.file_watch.path_watch import Directory

# Without a filter every open() in a directory such as /etc would wake the agent.
_WANTED: list[type[events.FileSystemEvent]] = [
    events.FileModifiedEvent,
    events.FileClosedEvent,
    events.FileCreatedEvent,
    events.FileDeletedEvent,
    events.FileMovedEvent,
    events.DirCreatedEvent,
    events.DirDeletedEvent,
    events.DirMovedEvent,
]
if attributes := getattr(events, "FileAttribEvent", None):  # its own class since watchdog 7
    _WANTED.append(attributes)


class Directories(events.FileSystemEventHandler):
    """`stirred` is called, from watchdog's threads, for every event in one of them."""

    def __init__(self, stirred: Callable[[], None]) -> None:
        self._stirred = stirred
        self._observer: InotifyObserver | None = None
        self._watches: dict[Directory, ObservedWatch] = {}

    def watch(self, directories: Set[Directory]) -> None:
        """Watch these and no others. Raises `OSError` (too many watches, directory gone)."""
        if self._observer is not None and not self._is_healthy(self._observer):
            self.close()
        if self._observer is None:
            self._observer = InotifyObserver()
            self._observer.start()
        for gone in self._watches.keys() - directories:
            self._observer.unschedule(self._watches.pop(gone))
        for new in directories - self._watches.keys():
            self._watches[new] = self._observer.schedule(self, new.path, event_filter=_WANTED)
            self._stirred()  # what happened before the watch began is found by one more look

    def on_any_event(self, event: events.FileSystemEvent) -> None:  # noqa: ARG002 - any will do
        """Watchdog's call for each event."""
        self._stirred()

    def close(self) -> None:
        """Stop watching all of them."""
        self._watches.clear()
        if self._observer is not None:
            self._observer.stop()
            self._observer.join(timeout=5)
            self._observer = None

    def _is_healthy(self, observer: InotifyObserver) -> bool:
        """An emitter ends by itself when its directory is removed, or dies of an error."""
        return observer.is_alive() and all(emitter.is_alive() for emitter in observer.emitters)
