"""Enforcement as a whole: its parts, put together, and what the engine's events mean to them.

It acts only through ports, and its parts own all decision state; every method runs on the loop's
thread. What it must not know: Docker, cgroups, files, the time of day (the Clock tells it).
"""

from agent.control.brake import Brake
from agent.control.case import Case
from agent.control.casebook import Casebook
from agent.control.execute import Executor
from agent.control.gatehouse import Gatehouse
from agent.control.judge import Judge
from agent.control.policy import Policy
from agent.control.restraint import Restraint
from agent.control.tools import Tools
from agent.domain.identity import ContainerState
from agent.domain.verdict import Net
from agent.log import get_logger
from agent.ports import EngineEvent

__all__ = ["Enforcer", "Tools"]  # what the wiring needs

log = get_logger(__name__)


class Enforcer:
    """Has containers judged as they come; `watching_since_ns`: events older than this (by the
    engine's clock, nanoseconds since the epoch) are replayed."""

    def __init__(self, policy: Policy, tools: Tools, brake: Brake) -> None:
        self.policy = policy
        self.tools = tools
        self.brake = brake
        self.book = Casebook(tools.clock, tools.gate)
        self.restraint = Restraint(brake, tools, self.book)
        self.executor = Executor(policy, tools, self.book)
        self.judge = Judge(policy, tools, self.book, self.restraint, self.executor)
        self.gatehouse = Gatehouse(policy, tools, self.book, self.judge, self.executor)
        self.watching_since_ns = 0

    @property
    def idle(self) -> bool:
        """Whether every container is judged and nothing about any is under way."""
        return self.book.idle

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
                if known := self.book.cases.get(event.actor):
                    known.renamed(event.name)
            case "destroy":
                if known := self.book.cases.get(event.actor):
                    self.executor.destroyed(known)
            case action if action.startswith("exec_create"):
                log.info("container.exec", container=event.name or event.actor[:12])

    def _created(self, event: EngineEvent) -> None:
        case = self.book.case(event.actor, Net.CREATE, claimed=event.image, name=event.name)
        if case.container is None:
            self.judge.look(case)
        elif event.time_ns >= self.watching_since_ns:
            case.net = Net.CREATE  # a sweep was quicker than the event
            self._judge_now(case, Net.CREATE)

    def _began(self, event: EngineEvent) -> None:
        """It runs (again); unless that is over already, and dealt with."""
        case = self.book.case(event.actor, Net.START, claimed=event.image, name=event.name)
        if case.is_over(event.time_ns) or (event.action == "start" and case.is_paused):
            return
        if event.action == "start":
            case.started(event.time_ns)
        else:
            case.moved(ContainerState.RUNNING)
        if event.time_ns < self.watching_since_ns:
            case.settled_in = True
        if case.container is None:
            self.judge.look(case)
        else:
            self._judge_now(case, Net.START)

    def _judge_now(self, case: Case, net: Net) -> None:
        self.judge.decide(case)
        self.judge.apply(case, net)

    def _ceased(self, event: EngineEvent) -> None:
        case = self.book.cases.get(event.actor)
        if case is None or case.is_over(event.time_ns):
            return
        if event.action == "die":
            case.died(event.time_ns)
        else:
            case.moved(ContainerState.PAUSED)
