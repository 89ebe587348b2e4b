"""Judging everything again: at start, after gaps, on a new list, when an approval ends, by period.

Works on the enforcement loop's cases, on its thread.
"""

from collections.abc import Sequence
from datetime import datetime

from agent.control.case import Case
from agent.control.enforce import Enforcer
from agent.domain.errors import DockwardenError
from agent.domain.identity import Container, ContainerState
from agent.domain.verdict import Action, Net
from agent.log import get_logger

log = get_logger(__name__)


class Sweeper:
    """Lists all containers and judges each, so that no gap is trusted."""

    def __init__(self, enforcer: Enforcer, *, watched_since: datetime | None = None) -> None:
        """`watched_since`: until when an earlier process had dealt with everything."""
        self._enforcer = enforcer
        self._watched_since = watched_since
        self._under_way = False
        self._again = ""
        self._next_at: float | None = None
        self.engine_error = ""

    def sweep(self, why: str) -> None:
        """List all containers elsewhere, then judge them; one sweep at a time."""
        if self._under_way:
            self._again = why
            return
        self._under_way = True
        tools = self._enforcer.tools
        began = tools.clock.monotonic()
        tools.work.submit(
            tools.acts.everything, lambda found: self._listed(found, began=began, why=why)
        )

    def tick(self) -> None:
        """Sweep when the period is over."""
        now = self._enforcer.tools.clock.monotonic()
        if self._next_at is not None and now >= self._next_at:
            self.sweep("period")

    def _listed(
        self, found: Sequence[Container] | DockwardenError, *, began: float, why: str
    ) -> None:
        self._under_way = False
        self._next_at = self._enforcer.tools.clock.monotonic() + self._enforcer.policy.sweep_seconds
        if isinstance(found, DockwardenError):
            self.engine_error = str(found)
            log.warning("sweep.failed", why=why, error=str(found))
        else:
            self.engine_error = ""
            log.debug("sweep.done", why=why, containers=len(found))
            self._drop_missing({container.id for container in found}, began)
            self.judge_again([self._renew(container) for container in found])
        if self._again:
            again, self._again = self._again, ""
            self.sweep(again)

    def _drop_missing(self, listed: set[str], began: float) -> None:
        """Whatever the engine no longer lists and was known before it was asked is gone."""
        for case in list(self._enforcer.cases.values()):
            if case.id not in listed and case.seen_at < began:
                case.gone = True
                if case.idle:
                    self._enforcer.drop(case)

    def _renew(self, container: Container) -> Case:
        case = self._enforcer.case(container.id, Net.SWEEP)
        if not case.acting:
            if case.started_ns is not None and not container.state.is_live:
                case.moved(container.state)
            case.container = container
        return case

    def judge_known(self) -> None:
        """Judge all known containers by the list in force now (a new one, or one of whose
        approvals ended); needs no engine."""
        self._enforcer.tools.gate.forget()
        self.judge_again(list(self._enforcer.cases.values()))

    def judge_again(self, cases: Sequence[Case]) -> None:
        """Judge these; the brake is asked once for all that would be ended."""
        enforcer = self._enforcer
        judged = [case for case in cases if case.container is not None and not case.looking]
        for case in judged:
            before, case.braked = case.decision, False
            enforcer.judge(case)
            if before is not None and case.decision is not None:
                changed = before.verdict is not case.decision.verdict
                case.reported = case.reported and not changed
        disruptive = [
            case
            for case in judged
            if case.decision is not None
            and case.live
            and not case.acting
            and enforcer.policy.action(case.decision).touches
            and enforcer.disruptive(case, Net.SWEEP)
        ]
        braked = bool(disruptive) and not enforcer.brake_admits(len(disruptive))
        for case in disruptive:
            case.braked = braked
        for case in judged:
            enforcer.apply(case, Net.SWEEP)
            self._missed(case)

    def _missed(self, case: Case) -> None:
        """Report what ran and ended while nobody watched: it was judged too late."""
        container = case.container
        if (
            self._watched_since is None
            or container is None
            or case.reported
            or case.action is Action.ALLOW
            or container.state is not ContainerState.EXITED
            or container.created_at is None
            or container.created_at < self._watched_since
        ):
            return
        case.reported = True
        self._enforcer.report(case)
