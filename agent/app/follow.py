"""Follows the engine's event stream for ever: queues what comes, reconnects when it ends."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.errors import EngineUnavailable
from agent.ports import EngineEvent, EventStream

# Waits between attempts to reconnect, in seconds.
RETRY_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class EventsArrived:
    """Events in the stream's order."""

    events: Sequence[EngineEvent]


@dataclass(frozen=True, slots=True)
class StreamUp:
    """Subscribed: what happened before and was not replayed has to be listed."""


@dataclass(frozen=True, slots=True)
class StreamDown:
    """The stream ended; `reason` in words."""

    reason: str


class Follower:
    """Reads on a thread of its own and only queues: a slow reader would lose events silently."""

    def __init__(
        self,
        stream: EventStream,
        post: Callable[[object], None],
        *,
        since_ns: int | None,
        crashed: Callable[[BaseException], None],
    ) -> None:
        self._stream = stream
        self._post = post
        self._since_ns = since_ns
        self._crashed = crashed
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def close(self) -> None:
        """Stop following."""
        self._closing.set()
        self._stream.close()

    def _run(self) -> None:
        try:
            self._follow()
        except BaseException as error:  # noqa: BLE001 - handed to the loop, which ends with it
            self._crashed(error)

    def _follow(self) -> None:
        failures = 0
        while not self._closing.is_set():
            reason = "the engine closed the event stream"
            try:
                for batch in self._stream.batches(self._since_ns):
                    failures = 0
                    if batch:
                        self._since_ns = batch[-1].time_ns + 1
                        self._post(EventsArrived(batch))
                    else:
                        self._post(StreamUp())
            except EngineUnavailable as error:
                reason = str(error)
            self._post(StreamDown(reason))
            self._closing.wait(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
            failures += 1
