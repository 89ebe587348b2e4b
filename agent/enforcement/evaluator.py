"""Gives every container its verdict, and the verdict its action.

What it must not know: Docker, cgroups, files, where the news of a container came from.
"""

from agent.enforcement.breaker_guard import BreakerGuard
from agent.enforcement.container_table import ContainerTable
from agent.enforcement.enforcement_policy import Policy
from agent.enforcement.execute import Executor
from agent.enforcement.freshness import ListFreshness, TrustedTime, closed
from agent.enforcement.services import Services
from agent.enforcement.tracked_container import TrackedContainer
from agent.ports import GateDecision, TrustedList
from core.base_errors import DockwardenError
from core.decision.verdict import Action, EnforcementPoint, Verdict
from core.image.identity import Container, ContainerState


class Evaluator:
    """Looks containers up, evaluates them by the list in force, and has the verdicts carried out.

    Every method runs on the loop's thread. `trusted` is the list in force, None before any;
    `time` what verdicts go by; `closed` is set while the list is too stale to approve anything.
    """

    def __init__(
        self,
        policy: Policy,
        services: Services,
        table: ContainerTable,
        breaker_guard: BreakerGuard,
        executor: Executor,
    ) -> None:
        self._policy = policy
        self._services = services
        self._table = table
        self._breaker_guard = breaker_guard
        self._executor = executor
        self.trusted: TrustedList | None = None
        self.time = TrustedTime(services.clock)
        self.closed: ListFreshness | None = None

    def close(self, found: ListFreshness | None) -> None:
        """Approve nothing while the list is in this state; None: approve as usual."""
        self.closed = found
        self._breaker_guard.refuse_starts = found is not None

    # Looking up.

    def inspect(self, tracked: TrackedContainer) -> None:
        """Ask the engine, elsewhere, which image it is; evaluate when the answer is here."""
        if tracked.inspecting:
            return
        tracked.inspecting = True
        state_changes = tracked.state_changes
        self._services.work.submit(
            lambda: self._services.actions.inspect(tracked.id),
            lambda found: self._found(tracked, found, state_changes),
            urgent=True,
        )

    def _found(
        self,
        tracked: TrackedContainer,
        found: Container | DockwardenError | None,
        state_changes: int,
    ) -> None:
        tracked.inspecting = False
        if isinstance(found, DockwardenError):
            self._table.inspect_later(tracked, found)
        elif found is None:
            self._unseen(tracked)
        else:
            if not tracked.failed:
                tracked.attempts = 0
            tracked.seen(found, state_changes)
            self.decide(tracked)
            self.apply(
                tracked,
                EnforcementPoint.START if tracked.started_ns is not None else tracked.seen_by,
            )
        self._executor.forget(tracked)

    def _unseen(self, tracked: TrackedContainer) -> None:
        """The engine knows no such container (any more): its last events will say so. One that was
        refused before stays refused, whatever its start came to."""
        if tracked.held:
            refused = tracked.decision is not None and tracked.action.touches
            self._executor.rule(tracked, GateDecision.KILL if refused else GateDecision.THAW)

    def retry_due(self) -> None:
        """Look again for those whose wait is over; called at each tick."""
        for tracked in self._table.due():
            self.inspect(tracked)

    # Evaluating and acting.

    def decide(self, tracked: TrackedContainer) -> None:
        """Give the container its verdict by the list in force now."""
        assert tracked.container is not None  # only what was looked up can be evaluated
        decision = self._policy.evaluate(tracked.container, self.trusted, now=self.time.now())
        tracked.decision = closed(decision, self.closed) if self.closed else decision
        self._breaker_guard.evaluated(tracked)

    def apply(self, tracked: TrackedContainer, point: EnforcementPoint) -> None:
        """Carry out the decision: let it run, or refuse it, or end it."""
        assert tracked.decision is not None  # apply follows decide
        if not tracked.acting:
            tracked.evaluated_at = point
        action = self._policy.action(tracked.decision)
        tracked.breaker_open = action.touches and self._breaker_guard.spares(tracked, point)
        tracked.action = Action.REPORT if tracked.breaker_open else action
        if tracked.action.touches:
            self._refuse_or_end(tracked, point)
        else:
            self._let_run(tracked)
        tracked.evaluated = tracked.decision.verdict is not Verdict.UNDETERMINED

    def _let_run(self, tracked: TrackedContainer) -> None:
        if tracked.held:
            self._executor.rule(tracked, GateDecision.THAW)
        self._services.gate.admit(tracked.id)
        tracked.caught_at_gate = False
        if tracked.action is Action.REPORT and (tracked.live or self._is_news(tracked)):
            self._executor.report(tracked)

    @staticmethod
    def _is_news(tracked: TrackedContainer) -> bool:
        """Whether one that does not run (any more) is evaluated for the first time since it did."""
        state = tracked.container.state if tracked.container else ContainerState.UNKNOWN
        created = state is ContainerState.CREATED and tracked.seen_by is not EnforcementPoint.RESCAN
        return not tracked.evaluated and (tracked.ran or created)

    def _refuse_or_end(self, tracked: TrackedContainer, point: EnforcementPoint) -> None:
        held = tracked.held
        if held:
            self._executor.rule(tracked, GateDecision.KILL)
        self._services.gate.refuse(tracked.id)
        if held and tracked.at_gate:
            return  # the gate reports the outcome
        if tracked.live:
            self._executor.end(tracked)
        elif tracked.caught_at_gate and not tracked.at_gate:
            self._executor.refuse(tracked)
        elif tracked.ran and not tracked.acting:
            if self._is_news(tracked):
                self._executor.report(tracked)
        elif point is EnforcementPoint.CREATE and self._removes_at_once(tracked):
            self._executor.refuse(tracked)

    def _removes_at_once(self, tracked: TrackedContainer) -> bool:
        """Whether its creation is undone before anybody starts it."""
        return (
            EnforcementPoint.CREATE in self._policy.enforcement_points
            and not self._executor.keeps(tracked)
        )
