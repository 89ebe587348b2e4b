"""Has the metrics measured on the loop's thread and published by a worker; knows no format."""

from collections.abc import Callable, Sequence
from typing import Protocol

from agent.errors import SinkFailed
from agent.log import get_logger
from agent.ports import Clock
from agent.ports.work import Work
from core.base_errors import DockwardenError

log = get_logger(__name__)


class Publisher(Protocol):
    """Where a text of metrics goes."""

    def publish(self, text: str) -> None:
        """Replace what is there. Raises `SinkFailed`."""
        ...


class Measurer:
    """`tick` measures when it is time, unless the last text is still being written."""

    def __init__(
        self,
        publishers: Sequence[Publisher],
        measure: Callable[[bool], str],
        *,
        seconds: float,
        work: Work,
        clock: Clock,
    ) -> None:
        """`measure` is given whether the agent is up, and runs on the loop's thread."""
        self._publishers = tuple(publishers)
        self._measure = measure
        self._seconds = seconds
        self._work, self._clock = work, clock
        self._due = 0.0
        self._busy = False
        self._failing = False

    def tick(self) -> None:
        """On the loop's thread."""
        now = self._clock.monotonic()
        if not self._publishers or self._busy or now < self._due:
            return
        self._due, self._busy = now + self._seconds, True
        text = self._measure(True)
        self._work.submit(lambda: self._publish(text), self._published)

    def end(self) -> None:
        """The last text says that the agent is down, for as long as nobody starts it."""
        if self._publishers:
            try:
                self._publish(self._measure(False))
            except SinkFailed as error:
                log.warning("metrics.not_written", error=str(error))

    def _publish(self, text: str) -> None:
        for publisher in self._publishers:
            publisher.publish(text)

    def _published(self, result: DockwardenError | None) -> None:
        self._busy = False
        if result is not None and not self._failing:
            log.warning("metrics.not_written", error=str(result))
        self._failing = result is not None
