"""Reads an event stream on a thread of its own, as the agent does: it only queues."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from agent.errors import EngineUnavailable
from agent.ports import EngineEvent, EventStream
from tests.patience import PATIENCE


class Listener:
    """A subscribed stream; a context manager. `first` is the first batch, `ended` that no more
    will come."""

    def __init__(self, stream: EventStream, since_ns: int | None = None) -> None:
        self._stream = stream
        self._queue: queue.SimpleQueue[Sequence[EngineEvent] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._read, args=(since_ns,), daemon=True)
        self.events: list[EngineEvent] = []
        self.first: Sequence[EngineEvent] | None = None
        self.ended = False

    def __enter__(self) -> Self:
        self._thread.start()
        self.first = self._queue.get(timeout=PATIENCE)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "close() did not end the stream"

    def until(self, reached: Callable[[list[EngineEvent]], object]) -> list[EngineEvent]:
        """All events so far, once `reached` holds for them."""
        end = time.monotonic() + PATIENCE
        while not reached(self.events):
            self._take(max(0.0, end - time.monotonic()))
        return self.events

    def until_end(self) -> list[EngineEvent]:
        """All events, once the stream has ended by itself."""
        while not self.ended:
            self._take(PATIENCE)
        return self.events

    def _take(self, timeout: float) -> None:
        try:
            batch = self._queue.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f"not reached; so far: {self.events[-20:]}") from None
        if batch is None:
            self.ended = True
        else:
            self.events += batch

    def _read(self, since_ns: int | None) -> None:
        try:
            for batch in self._stream.batches(since_ns):
                self._queue.put(batch)
        except EngineUnavailable:
            pass  # one of the two ways to end
        self._queue.put(None)


def actions(events: Sequence[EngineEvent], actor: str) -> list[str]:
    """What happened to one container or image."""
    return [event.action for event in events if event.actor == actor]
