"""What the gate says: cgroups created, how holds ended, whether it works.

What it must not know: cgroups, and the engine's events. Every method runs on the loop's thread.
"""

from agent.enforcement.container_table import ContainerTable
from agent.enforcement.enforcement_policy import Policy
from agent.enforcement.evaluator import Evaluator
from agent.enforcement.execute import Executor
from agent.enforcement.services import Services
from agent.ports import CgroupCreated, GateDecision, GateState, HoldEnded
from core.decision.verdict import Action, EnforcementPoint
from core.findings.finding import Kind


class GateHandler:
    """Answers the gate by what is decided; `state` is whether the gate works."""

    def __init__(
        self,
        policy: Policy,
        services: Services,
        table: ContainerTable,
        evaluator: Evaluator,
        executor: Executor,
    ) -> None:
        self._policy = policy
        self._services = services
        self._table = table
        self._evaluator = evaluator
        self._executor = executor
        self._builds: dict[str, Action] = {}
        self.state = GateState(False, "not started")

    def on_cgroup_created(self, created: CgroupCreated) -> None:
        """A cgroup appeared: answer at once if the verdict is known, else look it up."""
        if created.build_step:
            self._build_step(created)
            return
        if created.container_id in self._table.tombstones:  # late news of one that is gone
            if created.held:
                self._late(created.container_id)
            return
        tracked = self._table.track(created.container_id, EnforcementPoint.GATE)
        tracked.held = tracked.at_gate = created.held
        if created.held:
            tracked.attempted(is_new=created.created_ns > 0)
        if tracked.container is None:
            self._evaluator.inspect(tracked)
        elif created.held:
            tracked.caught_at_gate = tracked.failed = False
            self._evaluator.decide(tracked)
            self._evaluator.apply(tracked, EnforcementPoint.GATE)

    def _late(self, container_id: str) -> None:
        """A cgroup of a container that the engine has destroyed. The engine may remove one whose
        start is under way; what was refused before must not run then."""
        action = self._table.tombstones[container_id]
        refused = action is not None and action.touches
        self._services.gate.rule(container_id, GateDecision.KILL if refused else GateDecision.THAW)

    def on_hold_ended(self, hold_ended: HoldEnded) -> None:
        """A held container was thawed or killed."""
        if (build := self._builds.pop(hold_ended.container_id, None)) is not None:
            self._services.emit(
                self._services.finding_factory.build_step(
                    hold_ended.container_id, build, hold_ended.held_ms
                )
            )
            return
        tracked = self._table.entries.get(hold_ended.container_id)
        if tracked is None:
            return  # it was gone before
        tracked.held = tracked.at_gate = False
        tracked.caught_at_gate = hold_ended.decision is GateDecision.KILL
        if (
            hold_ended.unanswered and hold_ended.decision is not GateDecision.LEAVE
        ):  # left: it ended by itself
            self._services.emit(self._services.finding_factory.unanswered(tracked, hold_ended))
        if tracked.result is not None:
            self._executor.conclude(tracked)
        elif hold_ended.unanswered:
            self._evaluator.inspect(tracked)
        elif tracked.caught_at_gate and tracked.action.touches:
            self._executor.refuse(tracked)
        self._executor.forget(tracked)

    def on_gate_state(self, state: GateState) -> None:
        """The gate works or does not; without it the other two enforcement points go on."""
        if state == self.state:
            return
        self.state = state
        if state.working:
            self._services.emit(
                self._services.finding_factory.notice("gate.up", "The cgroup gate works.")
            )
            self._tell_gate()
            return
        summary = (
            f"The cgroup gate does not work: {state.reason}. The other enforcement points go on."
        )
        self._services.emit(
            self._services.finding_factory.notice("gate.down", summary, kind=Kind.ALARM)
        )
        for tracked in list(self._table.entries.values()):
            tracked.held = tracked.at_gate = False
            self._executor.conclude(tracked)
            self._executor.forget(tracked)

    def _tell_gate(self) -> None:
        """Inform a new gate about all that is decided."""
        for tracked in self._table.entries.values():
            if tracked.decision is None:
                continue
            if tracked.action.touches:
                self._services.gate.refuse(tracked.id)
            else:
                self._services.gate.admit(tracked.id)

    def _build_step(self, created: CgroupCreated) -> None:
        action = self._policy.build_action()
        step = created.container_id
        if created.held:
            self._builds[step] = action
            self._services.gate.rule(
                step, GateDecision.KILL if action.touches else GateDecision.THAW
            )
        elif action is not Action.ALLOW:
            self._services.emit(
                self._services.finding_factory.build_step(step, Action.REPORT, None)
            )
