"""Carries out what was decided about a container, and records what came of it.

What it must not know: why somebody was judged so, and how the engine or the kernel are asked.
"""

from agent.control.acts import Deed
from agent.control.case import Case, Sentence
from agent.control.casebook import Casebook
from agent.control.policy import Policy
from agent.control.tools import Tools
from agent.domain.decision import undetermined
from agent.domain.errors import DockwardenError
from agent.domain.identity import ContainerState
from agent.domain.verdict import Action, Net
from agent.ports import Ruling


class Executor:
    """Rules at the gate, reports, refuses and ends; every method runs on the loop's thread."""

    def __init__(self, policy: Policy, tools: Tools, book: Casebook) -> None:
        self._policy = policy
        self._tools = tools
        self._book = book

    def rule(self, case: Case, ruling: Ruling) -> None:
        """Answer the gate; an engine-paused container is left as it is."""
        case.held = False
        if case.is_paused:
            case.at_gate = False
        self._tools.gate.rule(case.id, Ruling.LEAVE if case.is_paused else ruling)

    def report(self, case: Case) -> None:
        """Record, once an occurrence, one that is, or was, let run but not plainly approved."""
        if not case.reported:
            case.reported = True
            self._report(case)

    def _report(self, case: Case) -> None:
        assert case.decision is not None  # only what was judged is reported
        self._tools.emit(self._tools.composer.reported(case, case.decision))

    def refuse(self, case: Case) -> None:
        """It has not run: capture evidence, remove it if so configured."""
        container = case.container
        if case.acting or case.gone or case.removed or container is None:
            return
        sentence = self._sentence(case)
        # What ran before may hold data: then only its start is refused.
        remove = not self.keeps(case) and not case.has_run
        self._tools.work.submit(
            lambda: self._tools.acts.refuse(container, sentence.finding_id, remove=remove),
            lambda deed: self._acted(case, sentence, deed),
        )

    def keeps(self, case: Case) -> bool:
        """Whether only its start is refused: so configured, or wanted for forensics."""
        return self._policy.keep_refused or case.action is Action.PAUSE

    def _sentence(self, case: Case) -> Sentence:
        assert case.decision is not None  # nothing is acted upon without a decision
        case.acting = True
        return Sentence(self._tools.composer.new_id(), case.decision)

    def end(self, case: Case) -> None:
        """It runs: kill by the kernel at once, the rest elsewhere."""
        container = case.container
        if container is None:
            return
        paused_already = case.action is Action.PAUSE and case.is_paused
        if Net.START not in self._policy.nets or paused_already:
            self.report(case)
            return
        cgroup = self._tools.gate.cgroup(case.id)
        if case.action is Action.KILL:
            self._tools.processes.kill(case.id, cgroup)
        if case.acting:
            return
        sentence = self._sentence(case)
        action, policy = case.action, self._policy
        self._tools.work.submit(
            lambda: self._tools.acts.end(
                container,
                sentence.finding_id,
                action=action,
                cgroup=cgroup,
                stop_timeout=policy.stop_timeout,
                remove=not policy.keep_killed,
            ),
            lambda deed: self._acted(case, sentence, deed),
        )

    def _acted(self, case: Case, sentence: Sentence, deed: Deed | DockwardenError) -> None:
        if isinstance(deed, DockwardenError):
            deed = Deed(case.action, None, 0.0, error=str(deed))
        case.deed = (sentence, deed)
        self.conclude(case)
        self.bury(case)

    def conclude(self, case: Case) -> None:
        """Record what was done, once nobody can still say that something ran: the gate may have
        it in hand, and a removal's events (a start among them) end with the destruction."""
        if case.deed is None or case.at_gate:
            return
        sentence, deed = case.deed
        refused = case.caught_at_gate and not case.ran
        if deed.removed and not (refused or case.gone):
            return
        if not case.failed or not (deed.error or refused):
            self._tools.emit(self._tools.composer.done(case, sentence, deed))
        case.acting, case.deed = False, None
        case.failed, case.reported = bool(deed.error), True
        if deed.error:
            self._book.look_later(case, DockwardenError(deed.error))
            return
        case.attempts, case.caught_at_gate = 0, False
        case.removed, case.concluded_ns = deed.removed, deed.gone_ns
        case.moved(ContainerState.PAUSED if deed.action is Action.PAUSE else ContainerState.EXITED)

    def destroyed(self, case: Case) -> None:
        """The engine has it no more."""
        case.gone = True
        self.conclude(case)
        self.bury(case)

    def bury(self, case: Case) -> None:
        """Forget it if it is gone and nothing about it is under way; nobody ran unnoticed."""
        if not (case.gone and case.idle):
            return
        if case.decision is None and case.ran:
            case.decision = undetermined("it was gone before its image could be looked up")
            self._report(case)
        self._book.drop(case)
