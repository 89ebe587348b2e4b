"""Enforcement as a whole: its parts, put together, and what the engine's events mean to them.

It acts only through ports, and its parts own all decision state; every method runs on the loop's
thread. What it must not know: Docker, cgroups, files, the time of day (the Clock reports it).
"""

from agent.enforcement.breaker_guard import BreakerGuard
from agent.enforcement.circuit_breaker import CircuitBreaker
from agent.enforcement.container_table import ContainerTable
from agent.enforcement.enforcement_policy import Policy
from agent.enforcement.evaluator import Evaluator
from agent.enforcement.execute import Executor
from agent.enforcement.gate_handler import GateHandler
from agent.enforcement.services import Services
from agent.enforcement.tracked_container import TrackedContainer
from agent.log import get_logger
from agent.ports import EngineEvent
from core.decision.verdict import EnforcementPoint
from core.image.identity import ContainerState

__all__ = ["Enforcer", "Services"]  # what the wiring needs

log = get_logger(__name__)


class Enforcer:
    """Has containers evaluated as they come; `watching_since_ns`: events older than this (by the
    engine's clock, nanoseconds since the epoch) are replayed."""

    def __init__(self, policy: Policy, services: Services, circuit_breaker: CircuitBreaker) -> None:
        self.policy = policy
        self.services = services
        self.circuit_breaker = circuit_breaker
        self.table = ContainerTable(services.clock, services.gate)
        self.breaker_guard = BreakerGuard(circuit_breaker, services, self.table)
        self.executor = Executor(policy, services, self.table)
        self.evaluator = Evaluator(policy, services, self.table, self.breaker_guard, self.executor)
        self.gate_handler = GateHandler(policy, services, self.table, self.evaluator, self.executor)
        self.watching_since_ns = 0

    @property
    def idle(self) -> bool:
        """Whether every container is evaluated and nothing about any is under way."""
        return self.table.idle

    def on_event(self, event: EngineEvent) -> None:
        """One event, in the stream's order."""
        if event.type != "container":
            log.debug("engine.event", type=event.type, action=event.action, actor=event.actor)
            return
        match event.action:
            case "create":
                self._created(event)
            case "start" | "unpause":
                self._began(event)
            case "pause" | "die":
                self._ceased(event)
            case "rename":
                if known := self.table.entries.get(event.actor):
                    known.renamed(event.name)
            case "destroy":
                if known := self.table.entries.get(event.actor):
                    self.executor.destroyed(known)
            case action if action.startswith("exec_create"):
                log.info("container.exec", container=event.name or event.actor[:12])

    def _created(self, event: EngineEvent) -> None:
        tracked = self.table.track(
            event.actor, EnforcementPoint.CREATE, claimed=event.image, name=event.name
        )
        if tracked.container is None:
            self.evaluator.inspect(tracked)
        elif event.time_ns >= self.watching_since_ns:
            tracked.seen_by = EnforcementPoint.CREATE  # a rescan was quicker than the event
            self._evaluate_now(tracked, EnforcementPoint.CREATE)

    def _began(self, event: EngineEvent) -> None:
        """It runs (again); unless that is over already, and dealt with."""
        tracked = self.table.track(
            event.actor, EnforcementPoint.START, claimed=event.image, name=event.name
        )
        if tracked.is_over(event.time_ns) or (event.action == "start" and tracked.is_paused):
            return
        if event.action == "start":
            tracked.started(event.time_ns)
        else:
            tracked.moved(ContainerState.RUNNING)
        if event.time_ns < self.watching_since_ns:
            tracked.was_let_run = True
        if tracked.container is None:
            self.evaluator.inspect(tracked)
        else:
            self._evaluate_now(tracked, EnforcementPoint.START)

    def _evaluate_now(self, tracked: TrackedContainer, point: EnforcementPoint) -> None:
        self.evaluator.decide(tracked)
        self.evaluator.apply(tracked, point)

    def _ceased(self, event: EngineEvent) -> None:
        tracked = self.table.entries.get(event.actor)
        if tracked is None or tracked.is_over(event.time_ns):
            return
        if event.action == "die":
            tracked.died(event.time_ns)
        else:
            tracked.moved(ContainerState.PAUSED)
