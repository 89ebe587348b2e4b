"""Gives the occurrences of one restart loop one violation id and a running number."""

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(slots=True)
class _Series:
    violation_id: str
    count: int
    last: float


class Deduplicator:
    """Numbers violations by key (image and verdict), so no distinct image is hidden."""

    def __init__(self, *, quiet_seconds: float = 600.0, most: int = 10_000) -> None:
        self._quiet = quiet_seconds
        self._most = most
        self._series: OrderedDict[tuple[str, ...], _Series] = OrderedDict()

    def number(self, key: tuple[str, ...], new_id: str, *, now: float) -> tuple[str, int]:
        """The violation id and occurrence number; a series ends after `quiet_seconds` of quiet.

        `new_id` becomes the violation's id when a new series begins.
        """
        series = self._series.get(key)
        if series is None or now - series.last > self._quiet:
            series = self._series[key] = _Series(new_id, 0, now)
        series.count += 1
        series.last = now
        self._series.move_to_end(key)
        while len(self._series) > self._most:
            self._series.popitem(last=False)
        return series.violation_id, series.count
