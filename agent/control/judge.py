"""Gives every container its verdict, and the verdict its action.

What it must not know: Docker, cgroups, files, where the news of a container came from.
"""

from agent.control.case import Case
from agent.control.casebook import Casebook
from agent.control.execute import Executor
from agent.control.freshness import Standing, TrustedTime, closed
from agent.control.policy import Policy
from agent.control.restraint import Restraint
from agent.control.tools import Tools
from agent.domain.errors import DockwardenError
from agent.domain.identity import Container, ContainerState
from agent.domain.verdict import Action, Net, Verdict
from agent.ports import Ruling, TrustedList


class Judge:
    """Looks containers up, judges them by the list in force, and has the verdicts carried out.

    Every method runs on the loop's thread. `trusted` is the list in force, None before any;
    `time` what verdicts go by; `closed` is set while the list is too stale to approve anything.
    """

    def __init__(
        self,
        policy: Policy,
        tools: Tools,
        book: Casebook,
        restraint: Restraint,
        executor: Executor,
    ) -> None:
        self._policy = policy
        self._tools = tools
        self._book = book
        self._restraint = restraint
        self._executor = executor
        self.trusted: TrustedList | None = None
        self.time = TrustedTime(tools.clock)
        self.closed: Standing | None = None

    def close(self, found: Standing | None) -> None:
        """Approve nothing while the list stands like this; None: approve as ever."""
        self.closed = found
        self._restraint.refuse_starts = found is not None

    # Looking up.

    def look(self, case: Case) -> None:
        """Ask the engine, elsewhere, which image it is; judge when the answer is here."""
        if case.looking:
            return
        case.looking = True
        turns = case.turns
        self._tools.work.submit(
            lambda: self._tools.acts.look(case.id),
            lambda found: self._found(case, found, turns),
            urgent=True,
        )

    def _found(self, case: Case, found: Container | DockwardenError | None, turns: int) -> None:
        case.looking = False
        if isinstance(found, DockwardenError):
            self._book.look_later(case, found)
        elif found is None:
            self._unseen(case)
        else:
            if not case.failed:
                case.attempts = 0
            case.seen(found, turns)
            self.decide(case)
            self.apply(case, Net.START if case.started_ns is not None else case.net)
        self._executor.bury(case)

    def _unseen(self, case: Case) -> None:
        """The engine knows no such container (any more): its last events will say so."""
        if case.held:
            self._executor.rule(case, Ruling.THAW)

    def retry_due(self) -> None:
        """Look again for those whose wait is over; called at each tick."""
        for case in self._book.due():
            self.look(case)

    # Judging and acting.

    def decide(self, case: Case) -> None:
        """Give the case its verdict by the list in force now."""
        assert case.container is not None  # only what was looked up can be judged
        decision = self._policy.judge(case.container, self.trusted, now=self.time.now())
        case.decision = closed(decision, self.closed) if self.closed else decision
        self._restraint.judged(case)

    def apply(self, case: Case, net: Net) -> None:
        """Carry out the decision: let it run, or refuse it, or end it."""
        assert case.decision is not None  # apply follows decide
        if not case.acting:
            case.judged_by = net
        action = self._policy.action(case.decision)
        case.braked = action.touches and self._restraint.spares(case, net)
        case.action = Action.REPORT if case.braked else action
        if case.action.touches:
            self._refuse_or_end(case, net)
        else:
            self._let_run(case)
        case.judged = case.decision.verdict is not Verdict.UNDETERMINED

    def _let_run(self, case: Case) -> None:
        if case.held:
            self._executor.rule(case, Ruling.THAW)
        self._tools.gate.admit(case.id)
        case.caught_at_gate = False
        if case.action is Action.REPORT and (case.live or self._is_news(case)):
            self._executor.report(case)

    @staticmethod
    def _is_news(case: Case) -> bool:
        """Whether one that does not run (any more) is judged for the first time since it did."""
        state = case.container.state if case.container else ContainerState.UNKNOWN
        created = state is ContainerState.CREATED and case.net is not Net.SWEEP
        return not case.judged and (case.ran or created)

    def _refuse_or_end(self, case: Case, net: Net) -> None:
        held = case.held
        if held:
            self._executor.rule(case, Ruling.KILL)
        self._tools.gate.refuse(case.id)
        if held and case.at_gate:
            return  # what came of it is the gate's to say
        if case.live:
            self._executor.end(case)
        elif case.caught_at_gate and not case.at_gate:
            self._executor.refuse(case)
        elif case.ran and not case.acting:
            if self._is_news(case):
                self._executor.report(case)
        elif net is Net.CREATE and self._removes_at_once(case):
            self._executor.refuse(case)

    def _removes_at_once(self, case: Case) -> bool:
        """Whether its creation is undone before anybody starts it."""
        return Net.CREATE in self._policy.nets and not self._executor.keeps(case)
