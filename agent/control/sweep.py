"""Judging everything again: at start, after gaps, on a new list, when an approval ends, by period.

Works on the enforcement loop's cases, on its thread.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from agent.control.case import Case
from agent.control.enforce import Enforcer
from agent.domain.errors import DockwardenError
from agent.domain.identity import Container, ContainerState
from agent.domain.verdict import Net
from agent.log import get_logger

log = get_logger(__name__)

# How soon to try again when the engine did not list its containers, in seconds.
RETRY_SECONDS = 2.0
# For how long a container's last events may lag behind a listing, in seconds.
MISSING_SECONDS = 10.0
# The engine lists creation times cut to whole seconds.
LISTED_TO = timedelta(seconds=1)


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
        enforcer = self._enforcer
        turns = {case.id: case.turns for case in enforcer.book.cases.values()}
        enforcer.tools.work.submit(
            enforcer.tools.acts.everything, lambda found: self._listed(found, turns, why)
        )

    def tick(self) -> None:
        """Sweep when the period is over."""
        now = self._enforcer.tools.clock.monotonic()
        if self._next_at is not None and now >= self._next_at:
            self.sweep("period")

    def _listed(
        self, found: Sequence[Container] | DockwardenError, turns: Mapping[str, int], why: str
    ) -> None:
        self._under_way = False
        now, period = self._enforcer.tools.clock.monotonic(), self._enforcer.policy.sweep_seconds
        self._next_at = now + period
        if isinstance(found, DockwardenError):
            self._next_at = now + min(period, RETRY_SECONDS)
            self.engine_error = str(found)
            log.warning("sweep.failed", why=why, error=str(found))
        else:
            self.engine_error = ""
            log.debug("sweep.done", why=why, containers=len(found))
            self._drop_missing({container.id for container in found}, turns)
            there = [each for each in found if each.id not in self._enforcer.book.buried]
            self.judge_again([self._renew(container, turns) for container in there])
        if self._again:
            again, self._again = self._again, ""
            self.sweep(again)

    def _drop_missing(self, listed: set[str], turns: Mapping[str, int]) -> None:
        """Whatever was known before the engine was asked, and is not listed again and again, is
        gone. Not at once: its last events may be on their way, and tell what it did."""
        now = self._enforcer.tools.clock.monotonic()
        for case in list(self._enforcer.book.cases.values()):
            if case.id in listed or case.id not in turns:
                case.missing_since = None
            elif case.missing_since is None:
                case.missing_since = now
            elif now - case.missing_since >= MISSING_SECONDS:
                self._enforcer.executor.destroyed(case)

    def _renew(self, container: Container, turns: Mapping[str, int]) -> Case:
        case = self._enforcer.book.case(container.id, Net.SWEEP)
        if not case.acting:
            case.seen(container, turns.get(container.id, -1))
            if self._is_missed(case):
                case.ran_ns = None
        return case

    def judge_known(self) -> None:
        """Judge all known containers by the list in force now (a new one, or one of whose
        approvals ended); needs no engine."""
        self._enforcer.tools.gate.forget()
        self.judge_again(list(self._enforcer.book.cases.values()))

    def judge_again(self, cases: Sequence[Case]) -> None:
        """Judge these; the brake is asked once for all that would be ended."""
        enforcer = self._enforcer
        judged = [c for c in cases if c.container is not None and not (c.looking or c.acting)]
        for case in judged:
            before, let_run = case.decision, not case.action.touches
            was_there = self._was_there(case) if before is None else let_run
            case.settled_in = case.live and (case.settled_in or was_there)
            case.braked = False
            enforcer.judge.decide(case)
            if before is not None and case.decision is not None:
                changed = before.verdict is not case.decision.verdict
                case.reported = case.reported and not (changed and (case.live or not case.judged))
        disruptive = [
            case
            for case in judged
            if case.decision is not None
            and case.live
            and enforcer.policy.action(case.decision).touches
            and enforcer.restraint.disruptive(case)
        ]
        braked = bool(disruptive) and not enforcer.restraint.admits([c.id for c in disruptive])
        for case in disruptive:
            case.braked = braked
        for case in judged:
            enforcer.judge.apply(case, Net.SWEEP)

    def _was_there(self, case: Case) -> bool:
        """Whether it was made before anybody could watch: then it may have run for long."""
        made = case.container.created_at if case.container else None
        return made is None or made.timestamp() * 1e9 < self._enforcer.watching_since_ns

    def _is_missed(self, case: Case) -> bool:
        """Whether it ran and ended while nobody watched: it is judged too late."""
        container = case.container
        return (
            self._watched_since is not None
            and case.net is Net.SWEEP
            and not case.judged
            and case.said is None
            and container is not None
            and container.state is ContainerState.EXITED
            and container.created_at is not None
            and container.created_at + LISTED_TO > self._watched_since
        )
