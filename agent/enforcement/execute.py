"""Carries out what was decided about a container, and records the outcome.

It must not know why a container got its verdict, or how the engine and the kernel are asked.
"""

from agent.enforcement.container_actions import ActionResult
from agent.enforcement.container_table import ContainerTable
from agent.enforcement.enforcement_policy import Policy
from agent.enforcement.services import Services
from agent.enforcement.tracked_container import PendingAction, TrackedContainer
from agent.ports import GateDecision
from core.base_errors import DockwardenError
from core.decision.decision import undetermined
from core.decision.verdict import Action, EnforcementPoint
from core.image.identity import ContainerState


class Executor:
    """Rules at the gate, reports, refuses and ends; every method runs on the loop's thread."""

    def __init__(self, policy: Policy, services: Services, table: ContainerTable) -> None:
        self._policy = policy
        self._services = services
        self._table = table

    def rule(self, tracked: TrackedContainer, gate_decision: GateDecision) -> None:
        """Answer the gate; an engine-paused container is left as it is."""
        tracked.held = False
        if tracked.is_paused:
            tracked.at_gate = False
        self._services.gate.rule(
            tracked.id, GateDecision.LEAVE if tracked.is_paused else gate_decision
        )

    def report(self, tracked: TrackedContainer) -> None:
        """Record, once an occurrence, one that is, or was, let run but not plainly approved."""
        if not tracked.reported:
            tracked.reported = True
            self._report(tracked)

    def _report(self, tracked: TrackedContainer) -> None:
        assert tracked.decision is not None  # only what was evaluated is reported
        self._services.emit(self._services.finding_factory.reported(tracked, tracked.decision))

    def refuse(self, tracked: TrackedContainer) -> None:
        """It has not run: capture evidence, remove it if so configured."""
        container = tracked.container
        if tracked.acting or tracked.gone or tracked.removed or container is None:
            return
        pending = self._pending(tracked)
        # What ran before may hold data: then only its start is refused.
        remove = not self.keeps(tracked) and not tracked.has_run
        self._services.work.submit(
            lambda: self._services.actions.refuse(container, pending.finding_id, remove=remove),
            lambda result: self._acted(tracked, pending, result),
        )

    def keeps(self, tracked: TrackedContainer) -> bool:
        """Whether only its start is refused: so configured, or wanted for forensics."""
        return self._policy.keep_refused or tracked.action is Action.PAUSE

    def _pending(self, tracked: TrackedContainer) -> PendingAction:
        assert tracked.decision is not None  # nothing is acted upon without a decision
        tracked.acting = True
        return PendingAction(self._services.finding_factory.new_id(), tracked.decision)

    def end(self, tracked: TrackedContainer) -> None:
        """It runs: kill by the kernel at once, the rest elsewhere."""
        container = tracked.container
        if container is None:
            return
        paused_already = tracked.action is Action.PAUSE and tracked.is_paused
        if EnforcementPoint.START not in self._policy.enforcement_points or paused_already:
            self.report(tracked)
            return
        cgroup = self._services.gate.cgroup(tracked.id)
        if tracked.action is Action.KILL:
            self._services.processes.kill(tracked.id, cgroup)
        if tracked.acting:
            return
        pending = self._pending(tracked)
        action, policy = tracked.action, self._policy
        self._services.work.submit(
            lambda: self._services.actions.end(
                container,
                pending.finding_id,
                action=action,
                cgroup=cgroup,
                stop_timeout=policy.stop_timeout,
                remove=not policy.keep_killed,
            ),
            lambda result: self._acted(tracked, pending, result),
        )

    def _acted(
        self,
        tracked: TrackedContainer,
        pending: PendingAction,
        result: ActionResult | DockwardenError,
    ) -> None:
        if isinstance(result, DockwardenError):
            result = ActionResult(tracked.action, None, 0.0, error=str(result))
        tracked.result = (pending, result)
        self.conclude(tracked)
        self.forget(tracked)

    def conclude(self, tracked: TrackedContainer) -> None:
        """Record what was done, once nobody can still say that something ran: the gate may have
        it, and a removal's events (a start among them) end with the destruction."""
        if tracked.result is None or tracked.at_gate:
            return
        pending, result = tracked.result
        refused = tracked.caught_at_gate and not tracked.ran
        if result.removed and not (refused or tracked.gone):
            return
        if not tracked.failed or not (result.error or refused):
            self._services.emit(self._services.finding_factory.done(tracked, pending, result))
        tracked.acting, tracked.result = False, None
        tracked.failed, tracked.reported = bool(result.error), True
        if result.error:
            self._table.inspect_later(tracked, DockwardenError(result.error))
            return
        tracked.attempts, tracked.caught_at_gate = 0, False
        tracked.removed, tracked.concluded_ns = result.removed, result.gone_ns
        tracked.moved(
            ContainerState.PAUSED if result.action is Action.PAUSE else ContainerState.EXITED
        )

    def destroyed(self, tracked: TrackedContainer) -> None:
        """The engine has it no more."""
        tracked.gone = True
        self.conclude(tracked)
        self.forget(tracked)

    def forget(self, tracked: TrackedContainer) -> None:
        """Forget it if it is gone and nothing about it is under way; nobody ran unnoticed."""
        if not (tracked.gone and tracked.idle):
            return
        if tracked.decision is None and tracked.ran:
            tracked.decision = undetermined(
                "the container was gone before its image could be looked up"
            )
            self._report(tracked)
        self._table.forget(tracked)
