"""The event stream of the simulated engine: its memory of 256 events, and those who listen."""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from agent.ports import STREAM, EngineEvent, StreamNote

REMEMBERED = 256  # moby keeps this many, of all types, in memory only


@dataclass(slots=True)
class _Subscription:
    queue: deque[EngineEvent] = field(default_factory=deque)
    ended: bool = False


class EventHub:
    """What the engine emits goes here: to the memory, to the streams, to `listeners`.

    `listeners` are called at once, on the emitting thread: for tests that want no threads.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.memory: deque[EngineEvent] = deque(maxlen=REMEMBERED)
        self.listeners: list[Callable[[EngineEvent], object]] = []
        self._subscriptions: list[_Subscription] = []

    def emit(self, event: EngineEvent) -> None:
        """Remember an event and hand it out."""
        with self.changed:
            self.memory.append(event)
            self._deliver(event)
        for listener in list(self.listeners):
            listener(event)

    def garble(self) -> None:
        """Hand out an event that could not be read, as the real adapter would say it."""
        with self.changed:
            last = self.memory[-1].time_ns if self.memory else 0
            self._deliver(EngineEvent(STREAM, StreamNote.UNREADABLE, "", last, name="{not json"))

    def end(self, *, forget: bool = False) -> None:
        """The engine is gone: all streams end; `forget` empties the memory, too."""
        with self.changed:
            for subscription in self._subscriptions:
                subscription.ended = True
            self._subscriptions.clear()
            if forget:
                self.memory.clear()
            self.changed.notify_all()

    def subscribe(self, since_ns: int | None) -> tuple[_Subscription, bool]:
        """A subscription that begins with the replay, and whether continuity is not proven."""
        with self.changed:
            subscription = _Subscription()
            self._subscriptions.append(subscription)
            if since_ns is None:
                return subscription, False
            subscription.queue.extend(e for e in self.memory if e.time_ns >= since_ns)
            return subscription, all(e.time_ns != since_ns - 1 for e in self.memory)

    def _deliver(self, event: EngineEvent) -> None:
        for subscription in self._subscriptions:
            subscription.queue.append(event)
        self.changed.notify_all()


class FakeEvents:
    """`ports.EventStream` on the hub. `require_answer` raises while the engine does not answer."""

    def __init__(self, hub: EventHub, require_answer: Callable[[], None]) -> None:
        self._hub = hub
        self._require_answer = require_answer
        self._running: _Subscription | None = None

    def batches(self, since_ns: int | None) -> Iterator[Sequence[EngineEvent]]:
        """See `ports.EventStream`."""
        self._require_answer()
        subscription, gap = self._hub.subscribe(since_ns)
        self._running = subscription
        yield ()
        if gap:
            yield (EngineEvent(STREAM, StreamNote.GAP, "", (since_ns or 1) - 1),)
        while batch := self._next(subscription):
            yield batch

    def close(self) -> None:
        """See `ports.EventStream`."""
        with self._hub.changed:
            if self._running:
                self._running.ended = True
                self._running.queue.clear()
            self._hub.changed.notify_all()

    def _next(self, subscription: _Subscription) -> Sequence[EngineEvent]:
        with self._hub.changed:
            self._hub.changed.wait_for(lambda: subscription.queue or subscription.ended)
            batch = tuple(subscription.queue)
            subscription.queue.clear()
            return batch
