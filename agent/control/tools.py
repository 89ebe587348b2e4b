"""What the enforcement loop acts through, as one value; must not know who uses what of it."""

from collections.abc import Callable
from dataclasses import dataclass

from agent.control.acts import Acts
from agent.control.compose import Composer
from agent.control.loop import Work
from agent.domain.finding import Finding
from agent.ports import Clock, Gate, Processes


@dataclass(frozen=True, slots=True)
class Tools:
    """Everything the loop acts through. `emit` takes findings, which `composer` makes."""

    acts: Acts
    gate: Gate
    processes: Processes
    work: Work
    clock: Clock
    composer: Composer
    emit: Callable[[Finding], None]
