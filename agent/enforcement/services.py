"""What the enforcement loop acts through, as one value; must not know who uses what of it."""

from collections.abc import Callable
from dataclasses import dataclass

from agent.enforcement.container_actions import ContainerActions
from agent.enforcement.container_findings import ContainerFindings
from agent.ports import Clock, Gate, Processes
from agent.ports.work import Work
from core.findings.finding import Finding


@dataclass(frozen=True, slots=True)
class Services:
    """Everything the loop acts through. `emit` takes findings, which `finding_factory` makes."""

    actions: ContainerActions
    gate: Gate
    processes: Processes
    work: Work
    clock: Clock
    finding_factory: ContainerFindings
    emit: Callable[[Finding], None]
