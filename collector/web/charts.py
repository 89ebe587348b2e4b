"""The chart of violations over time as rectangles, for readers without JavaScript; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from collector.model.page_values import Slot

WIDTH: Final = 720
HEIGHT: Final = 160
_GAP: Final = 0.15  # of a slot, left free between bars


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle in the drawing's units, y from the top; `label` says what it shows."""

    x: float
    y: float
    width: float
    height: float
    kind: str  # killed or reported


@dataclass(frozen=True, slots=True)
class Chart:
    """Stacked bars, killed below reported; `top` is the value at the upper edge."""

    bars: tuple[Bar, ...]
    top: int
    killed: int
    reported: int


def chart_of(slots: Sequence[Slot]) -> Chart:
    """No bars if nothing happened."""
    top = max((slot.killed + slot.reported for slot in slots), default=0)
    bars: list[Bar] = []
    step = WIDTH / max(1, len(slots))
    for index, slot in enumerate(slots):
        floor = float(HEIGHT)
        for kind, count in (("killed", slot.killed), ("reported", slot.reported)):
            if not count:
                continue
            height = round(count / top * HEIGHT, 2)
            floor = round(floor - height, 2)
            x = round(index * step + step * _GAP / 2, 2)
            bars.append(Bar(x, floor, round(step * (1 - _GAP), 2), height, kind))
    return Chart(tuple(bars), top, sum(s.killed for s in slots), sum(s.reported for s in slots))
