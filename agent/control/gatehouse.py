"""What the gate says: births, how holds were settled, whether it stands.

What it must not know: cgroups, and the engine's events. Every method runs on the loop's thread.
"""

from agent.control.casebook import Casebook
from agent.control.execute import Executor
from agent.control.judge import Judge
from agent.control.policy import Policy
from agent.control.tools import Tools
from agent.domain.finding import Kind
from agent.domain.verdict import Action, Net
from agent.ports import Birth, GateState, Ruling, Settled


class Gatehouse:
    """Answers the gate by what is decided; `state` is whether it stands."""

    def __init__(
        self, policy: Policy, tools: Tools, book: Casebook, judge: Judge, executor: Executor
    ) -> None:
        self._policy = policy
        self._tools = tools
        self._book = book
        self._judge = judge
        self._executor = executor
        self._builds: dict[str, Action] = {}
        self.state = GateState(False, "not started")

    def on_birth(self, birth: Birth) -> None:
        """A cgroup appeared: answer at once if the verdict is known, else look it up."""
        if birth.build_step:
            self._build_step(birth)
            return
        if birth.container_id in self._book.buried:  # late news of one that is gone
            if birth.held:
                self._tools.gate.rule(birth.container_id, Ruling.THAW)
            return
        case = self._book.case(birth.container_id, Net.GATE)
        case.held = case.at_gate = birth.held
        if birth.held:
            case.attempted(is_new=birth.born_ns > 0)
        if case.container is None:
            self._judge.look(case)
        elif birth.held:
            case.caught_at_gate = case.failed = False
            self._judge.decide(case)
            self._judge.apply(case, Net.GATE)

    def on_settled(self, settled: Settled) -> None:
        """A held container was thawed or killed."""
        if (build := self._builds.pop(settled.container_id, None)) is not None:
            self._tools.emit(
                self._tools.composer.build_step(settled.container_id, build, settled.held_ms)
            )
            return
        case = self._book.cases.get(settled.container_id)
        if case is None:
            return  # it was gone before
        case.held = case.at_gate = False
        case.caught_at_gate = settled.ruling is Ruling.KILL
        if settled.unanswered and settled.ruling is not Ruling.LEAVE:  # left: it ended by itself
            self._tools.emit(self._tools.composer.unanswered(case, settled))
        if case.deed is not None:
            self._executor.conclude(case)
        elif settled.unanswered:
            self._judge.look(case)
        elif case.caught_at_gate and case.action.touches:
            self._executor.refuse(case)
        self._executor.bury(case)

    def on_gate_state(self, state: GateState) -> None:
        """The gate stands or does not; without it the other two nets go on."""
        if state == self.state:
            return
        self.state = state
        if state.standing:
            self._tools.emit(self._tools.composer.notice("gate.up", "The cgroup gate stands."))
            self._tell_gate()
            return
        summary = f"The cgroup gate does not stand: {state.reason}. The other nets go on."
        self._tools.emit(self._tools.composer.notice("gate.down", summary, kind=Kind.ALARM))
        for case in list(self._book.cases.values()):
            case.held = case.at_gate = False
            self._executor.conclude(case)
            self._executor.bury(case)

    def _tell_gate(self) -> None:
        """Tell a new gate all that is decided."""
        for case in self._book.cases.values():
            if case.decision is None:
                continue
            if case.action.touches:
                self._tools.gate.refuse(case.id)
            else:
                self._tools.gate.admit(case.id)

    def _build_step(self, birth: Birth) -> None:
        action = self._policy.build_action()
        step = birth.container_id
        if birth.held:
            self._builds[step] = action
            self._tools.gate.rule(step, Ruling.KILL if action.touches else Ruling.THAW)
        elif action is not Action.ALLOW:
            self._tools.emit(self._tools.composer.build_step(step, Action.REPORT, None))
