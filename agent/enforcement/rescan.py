"""Evaluates everything again: at start, after gaps, on a new list, at an approval's end, by period.

Works on the enforcement loop's cases, on its thread.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from agent.enforcement.enforce import Enforcer
from agent.enforcement.tracked_container import TrackedContainer
from agent.log import get_logger
from core.base_errors import DockwardenError
from core.decision.verdict import EnforcementPoint
from core.image.identity import Container, ContainerState

log = get_logger(__name__)

# How soon to try again when the engine did not list its containers, in seconds.
RETRY_SECONDS = 2.0
# For how long a container's last events may lag behind a listing, in seconds.
MISSING_SECONDS = 10.0
# The engine lists creation times cut to whole seconds.
LISTED_TO = timedelta(seconds=1)


class Rescanner:
    """Lists all containers and evaluates each, so that no gap in the events matters."""

    def __init__(self, enforcer: Enforcer, *, watched_since: datetime | None = None) -> None:
        """`watched_since`: until when an earlier process had dealt with everything."""
        self._enforcer = enforcer
        self._watched_since = watched_since
        self._under_way = False
        self._again = ""
        self._next_at: float | None = None
        self.engine_error = ""

    def rescan(self, why: str) -> None:
        """List all containers elsewhere, then evaluate them; one rescan at a time."""
        if self._under_way:
            self._again = why
            return
        self._under_way = True
        enforcer = self._enforcer
        state_changes = {
            tracked.id: tracked.state_changes for tracked in enforcer.table.entries.values()
        }
        enforcer.services.work.submit(
            enforcer.services.actions.inspect_all,
            lambda found: self._listed(found, state_changes, why),
        )

    def tick(self) -> None:
        """Rescan when the period is over."""
        now = self._enforcer.services.clock.monotonic()
        if self._next_at is not None and now >= self._next_at:
            self.rescan("period")

    def _listed(
        self,
        found: Sequence[Container] | DockwardenError,
        state_changes: Mapping[str, int],
        why: str,
    ) -> None:
        self._under_way = False
        now, period = (
            self._enforcer.services.clock.monotonic(),
            self._enforcer.policy.rescan_seconds,
        )
        self._next_at = now + period
        if isinstance(found, DockwardenError):
            self._next_at = now + min(period, RETRY_SECONDS)
            self.engine_error = str(found)
            log.warning("rescan.failed", why=why, error=str(found))
        else:
            self.engine_error = ""
            log.debug("rescan.done", why=why, containers=len(found))
            self._drop_missing({container.id for container in found}, state_changes)
            there = [each for each in found if each.id not in self._enforcer.table.tombstones]
            self.evaluate_again([self._renew(container, state_changes) for container in there])
        if self._again:
            again, self._again = self._again, ""
            self.rescan(again)

    def _drop_missing(self, listed: set[str], state_changes: Mapping[str, int]) -> None:
        """Whatever was known before the engine was asked, and is not listed again and again, is
        gone. Not at once: its last events may be on their way, and report what it did."""
        now = self._enforcer.services.clock.monotonic()
        for tracked in list(self._enforcer.table.entries.values()):
            if tracked.id in listed or tracked.id not in state_changes:
                tracked.missing_since = None
            elif tracked.missing_since is None:
                tracked.missing_since = now
            elif now - tracked.missing_since >= MISSING_SECONDS:
                self._enforcer.executor.destroyed(tracked)

    def _renew(self, container: Container, state_changes: Mapping[str, int]) -> TrackedContainer:
        tracked = self._enforcer.table.track(container.id, EnforcementPoint.RESCAN)
        if not tracked.acting:
            tracked.seen(container, state_changes.get(container.id, -1))
            if self._is_missed(tracked):
                tracked.ran_ns = None
        return tracked

    def evaluate_known(self) -> None:
        """Evaluate all known containers by the list in force now (a new one, or one of whose
        approvals ended); needs no engine."""
        self._enforcer.services.gate.forget()
        self.evaluate_again(list(self._enforcer.table.entries.values()))

    def evaluate_again(self, entries: Sequence[TrackedContainer]) -> None:
        """Evaluate these; the circuit breaker is asked once for all that would be ended."""
        enforcer = self._enforcer
        evaluated = [
            c for c in entries if c.container is not None and not (c.inspecting or c.acting)
        ]
        for tracked in evaluated:
            before, let_run = tracked.decision, not tracked.action.touches
            was_there = self._was_there(tracked) if before is None else let_run
            tracked.was_let_run = tracked.live and (tracked.was_let_run or was_there)
            tracked.breaker_open = False
            enforcer.evaluator.decide(tracked)
            if before is not None and tracked.decision is not None:
                changed = before.verdict is not tracked.decision.verdict
                tracked.reported = tracked.reported and not (
                    changed and (tracked.live or not tracked.evaluated)
                )
        disruptive = [
            tracked
            for tracked in evaluated
            if tracked.decision is not None
            and tracked.live
            and enforcer.policy.action(tracked.decision).touches
            and enforcer.breaker_guard.disruptive(tracked)
        ]
        breaker_open = bool(disruptive) and not enforcer.breaker_guard.admits(
            [c.id for c in disruptive]
        )
        for tracked in disruptive:
            tracked.breaker_open = breaker_open
        for tracked in evaluated:
            enforcer.evaluator.apply(tracked, EnforcementPoint.RESCAN)

    def _was_there(self, tracked: TrackedContainer) -> bool:
        """Whether it was made before anybody could watch: then it may have run for long."""
        made = tracked.container.created_at if tracked.container else None
        return made is None or made.timestamp() * 1e9 < self._enforcer.watching_since_ns

    def _is_missed(self, tracked: TrackedContainer) -> bool:
        """Whether it ran and ended while nobody watched: it is evaluated too late."""
        container = tracked.container
        return (
            self._watched_since is not None
            and tracked.seen_by is EnforcementPoint.RESCAN
            and not tracked.evaluated
            and tracked.reported_state is None
            and container is not None
            and container.state is ContainerState.EXITED
            and container.created_at is not None
            and container.created_at + LISTED_TO > self._watched_since
        )
