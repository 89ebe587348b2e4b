"""The enforcement loop's state: every container gets a verdict, and the verdict its action.

It acts only through ports and owns all decision state; every method runs on the loop's thread.
What it must not know: Docker, cgroups, files, the time of day (the Clock tells it).
"""

from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass

from agent.control.acts import Acts, Deed
from agent.control.brake import Brake
from agent.control.case import Case, Sentence
from agent.control.compose import Composer
from agent.control.loop import Work
from agent.control.policy import Policy
from agent.domain.decision import undetermined
from agent.domain.errors import DockwardenError
from agent.domain.finding import Finding, Kind
from agent.domain.identity import Container, ContainerState
from agent.domain.verdict import Action, Net, Verdict
from agent.log import get_logger
from agent.ports import (
    Birth,
    Clock,
    EngineEvent,
    Gate,
    GateState,
    Processes,
    Ruling,
    Settled,
    TrustedList,
)

log = get_logger(__name__)

# Waits between attempts to look a container up while the engine does not answer, in seconds.
RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0)
# How many destroyed containers are remembered, for messages about them that come late.
BURIED = 10_000


@dataclass(frozen=True, slots=True)
class Tools:
    """Everything the loop acts through. `emit` takes findings, `new_id` makes their ids."""

    acts: Acts
    gate: Gate
    processes: Processes
    work: Work
    clock: Clock
    composer: Composer
    emit: Callable[[Finding], None]


class Enforcer:
    """Judges containers as they come and has the verdicts carried out."""

    def __init__(self, policy: Policy, tools: Tools, brake: Brake) -> None:
        self.policy = policy
        self.tools = tools
        self.brake = brake
        self.trusted: TrustedList | None = None
        self.gate_state = GateState(False, "not started")
        self.cases: dict[str, Case] = {}
        self.buried: OrderedDict[str, None] = OrderedDict()  # destroyed of late
        self.watching_since_ns = 0  # events older than this are replayed
        self._formerly_approved: set[str] = set()
        self._retries: list[tuple[float, str]] = []
        self._builds: dict[str, Action] = {}

    # What the engine's event stream says.

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
                if known := self.cases.get(event.actor):
                    known.renamed(event.name)
            case "destroy":
                if known := self.cases.get(event.actor):
                    self.destroyed(known)
            case action if action.startswith("exec_create"):
                log.info("container.exec", container=event.name or event.actor[:12])

    def _created(self, event: EngineEvent) -> None:
        case = self.case(event.actor, Net.CREATE, claimed=event.image, name=event.name)
        if case.container is None:
            self.look(case)
        elif event.time_ns >= self.watching_since_ns:
            case.net = Net.CREATE  # a sweep was quicker than the event
            self.judge(case)
            self.apply(case, Net.CREATE)

    def _began(self, event: EngineEvent) -> None:
        """It runs (again); unless that is over already, and dealt with."""
        case = self.case(event.actor, Net.START, claimed=event.image, name=event.name)
        if case.is_over(event.time_ns) or (event.action == "start" and case.is_paused):
            return
        if event.action == "start":
            case.started(event.time_ns)
        else:
            case.moved(ContainerState.RUNNING)
        if event.time_ns < self.watching_since_ns:
            case.settled_in = True
        if case.container is None:
            self.look(case)
        else:
            self.judge(case)
            self.apply(case, Net.START)

    def _ceased(self, event: EngineEvent) -> None:
        case = self.cases.get(event.actor)
        if case is None or case.is_over(event.time_ns):
            return
        if event.action == "die":
            case.died(event.time_ns)
        else:
            case.moved(ContainerState.PAUSED)

    def destroyed(self, case: Case) -> None:
        """The engine has it no more."""
        case.gone = True
        self._conclude(case)
        self._bury(case)

    def _bury(self, case: Case) -> None:
        """Forget it if it is gone and nothing about it is under way; nobody ran unnoticed."""
        if not (case.gone and case.idle):
            return
        if case.decision is None and case.ran:
            case.decision = undetermined("it was gone before its image could be looked up")
            self.report(case)
        self.drop(case)

    def case(self, container_id: str, net: Net, *, claimed: str = "", name: str = "") -> Case:
        """The container's case, opened now if it is new."""
        case = self.cases.get(container_id)
        if case is None:
            case = Case(container_id, self.tools.clock.monotonic(), net, claimed, name)
            self.cases[container_id] = case
        return case

    def drop(self, case: Case) -> None:
        """Forget a container that no longer exists."""
        self.cases.pop(case.id, None)
        self.buried[case.id] = None
        while len(self.buried) > BURIED:
            self.buried.popitem(last=False)
        self.tools.gate.forget(case.id)

    # Looking up.

    def look(self, case: Case) -> None:
        """Ask the engine, elsewhere, which image it is; judge when the answer is here."""
        if case.looking:
            return
        case.looking = True
        turns = case.turns
        self.tools.work.submit(
            lambda: self.tools.acts.look(case.id),
            lambda found: self._found(case, found, turns),
            urgent=True,
        )

    def _found(self, case: Case, found: Container | DockwardenError | None, turns: int) -> None:
        case.looking = False
        if isinstance(found, DockwardenError):
            self._look_later(case, found)
        elif found is None:
            self._unseen(case)
        else:
            if not case.failed:
                case.attempts = 0
            case.seen(found, turns)
            self.judge(case)
            self.apply(case, Net.START if case.started_ns is not None else case.net)
        self._bury(case)

    def _look_later(self, case: Case, error: DockwardenError) -> None:
        if case.attempts == 0:
            log.warning("container.not_looked_up", container=case.id[:12], error=str(error))
        wait = RETRY_SECONDS[min(case.attempts, len(RETRY_SECONDS) - 1)]
        case.attempts += 1
        self._retries.append((self.tools.clock.monotonic() + wait, case.id))

    def retry_due(self) -> None:
        """Look again for those whose wait is over; called at each tick."""
        now = self.tools.clock.monotonic()
        due = [container_id for when, container_id in self._retries if when <= now]
        self._retries = [(when, cid) for when, cid in self._retries if when > now]
        for container_id in due:
            if case := self.cases.get(container_id):
                self.look(case)

    def _unseen(self, case: Case) -> None:
        """The engine knows no such container (any more): its last events will say so."""
        if case.held:
            self._rule(case, Ruling.THAW)

    # Judging and acting.

    def judge(self, case: Case) -> None:
        """Give the case its verdict by the list in force now."""
        assert case.container is not None  # only what was looked up can be judged
        now = self.tools.clock.now()
        case.decision = self.policy.judge(case.container, self.trusted, now=now)
        if case.decision.verdict is Verdict.APPROVED and case.container.image is not None:
            self._formerly_approved.add(str(case.container.image.image_id))

    def apply(self, case: Case, net: Net) -> None:
        """Carry out the decision: let it run, or refuse it, or end it."""
        assert case.decision is not None  # apply follows judge
        if not case.acting:
            case.judged_by = net
        action = self.policy.action(case.decision)
        case.braked = action.touches and self._brakes(case, net)
        case.action = Action.REPORT if case.braked else action
        if case.action.touches:
            self._refuse_or_end(case, net)
        else:
            self._let_run(case)
        case.judged = case.decision.verdict is not Verdict.UNDETERMINED

    def disruptive(self, case: Case) -> bool:
        """Whether ending it would disturb what ran so far (docs/adr/0004)."""
        if case.decision is None or case.decision.verdict.is_forbidden:
            return False
        image = case.container.image if case.container else None
        known = image is not None and str(image.image_id) in self._formerly_approved
        return known or case.settled_in

    def running(self) -> int:
        """How many containers run, as far as is known."""
        return sum(case.live for case in self.cases.values())

    def _brakes(self, case: Case, net: Net) -> bool:
        if net is Net.SWEEP:  # sweeps ask the brake once for all they would end
            return case.braked
        if not self.disruptive(case) or case.acting:
            return False
        image = case.container.image if case.container else None
        by_image = image is not None and not case.settled_in
        return not self.brake_admits([str(image.image_id) if image and by_image else case.id])

    @property
    def idle(self) -> bool:
        """Whether every container is judged and nothing about any is under way."""
        return all(case.idle and case.decision is not None for case in self.cases.values())

    def brake_admits(self, victims: Collection[str]) -> bool:
        """Ask the brake whether these may be ended; says so when it goes on."""
        before = self.brake.on
        now = self.tools.clock.monotonic()
        admitted = self.brake.admit(victims, running=self.running(), now=now)
        if self.brake.on and not before:
            self.tools.emit(
                self.tools.composer.notice(
                    "brake.on",
                    f"The kill-rate brake went on: {self.brake.refused_at} disruptive kills would "
                    "have come together. What runs is reported instead. If the list is right, "
                    "release it with `dockwarden brake release`; else publish a corrected list.",
                    kind=Kind.ALARM,
                )
            )
        return admitted

    def _let_run(self, case: Case) -> None:
        if case.held:
            self._rule(case, Ruling.THAW)
        self.tools.gate.admit(case.id)
        case.caught_at_gate = False
        if case.action is Action.REPORT and (case.live or self._is_news(case)):
            self._report_once(case)

    @staticmethod
    def _is_news(case: Case) -> bool:
        """Whether one that does not run (any more) is judged for the first time since it did."""
        state = case.container.state if case.container else ContainerState.UNKNOWN
        created = state is ContainerState.CREATED and case.net is not Net.SWEEP
        return not case.judged and (case.ran or created)

    def _report_once(self, case: Case) -> None:
        if not case.reported:
            case.reported = True
            self.report(case)

    def report(self, case: Case) -> None:
        """Record a container that is, or was, let run although it is not plainly approved."""
        assert case.decision is not None  # only what was judged is reported
        self.tools.emit(self.tools.composer.reported(case, case.decision))

    def _refuse_or_end(self, case: Case, net: Net) -> None:
        held = case.held
        if held:
            self._rule(case, Ruling.KILL)
        self.tools.gate.refuse(case.id)
        if held and case.at_gate:
            return  # what came of it is the gate's to say
        if case.live:
            self._end(case)
        elif case.caught_at_gate and not case.at_gate:
            self._refuse(case)
        elif case.ran and not case.acting:
            if self._is_news(case):
                self._report_once(case)
        elif net is Net.CREATE and Net.CREATE in self.policy.nets and not self.policy.keep_refused:
            self._refuse(case)

    def _rule(self, case: Case, ruling: Ruling) -> None:
        """Answer the gate; an engine-paused container is left as it is."""
        case.held = False
        if case.is_paused:
            case.at_gate = False
        self.tools.gate.rule(case.id, Ruling.LEAVE if case.is_paused else ruling)

    def _refuse(self, case: Case) -> None:
        """It has not run: capture evidence, remove it if so configured."""
        container = case.container
        if case.acting or case.gone or case.removed or container is None:
            return
        sentence = self._sentence(case)
        # What ran before may hold data: then only its start is refused.
        remove = not self.policy.keep_refused and not case.has_run
        self.tools.work.submit(
            lambda: self.tools.acts.refuse(container, sentence.finding_id, remove=remove),
            lambda deed: self._acted(case, sentence, deed),
        )

    def _sentence(self, case: Case) -> Sentence:
        assert case.decision is not None  # nothing is acted upon without a decision
        case.acting = True
        return Sentence(self.tools.composer.new_id(), case.decision)

    def _end(self, case: Case) -> None:
        """It runs: kill by the kernel at once, the rest elsewhere."""
        container = case.container
        if container is None:
            return
        paused_already = case.action is Action.PAUSE and case.is_paused
        if Net.START not in self.policy.nets or paused_already:
            self._report_once(case)
            return
        cgroup = self.tools.gate.cgroup(case.id)
        if case.action is Action.KILL:
            self.tools.processes.kill(case.id, cgroup)
        if case.acting:
            return
        sentence = self._sentence(case)
        action, policy = case.action, self.policy
        self.tools.work.submit(
            lambda: self.tools.acts.end(
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
        self._conclude(case)
        self._bury(case)

    def _conclude(self, case: Case) -> None:
        """Record what was done, once nobody can still say that something ran: the gate may have
        it in hand, and a removal's events (a start among them) end with the destruction."""
        if case.deed is None or case.at_gate:
            return
        sentence, deed = case.deed
        refused = case.caught_at_gate and not case.ran
        if deed.removed and not (refused or case.gone):
            return
        if not case.failed or not (deed.error or refused):
            self.tools.emit(self.tools.composer.done(case, sentence, deed))
        case.acting, case.deed = False, None
        case.failed, case.reported = bool(deed.error), True
        if deed.error:
            self._look_later(case, DockwardenError(deed.error))
            return
        case.attempts, case.caught_at_gate = 0, False
        case.removed, case.concluded_ns = deed.removed, deed.gone_ns
        case.moved(ContainerState.PAUSED if deed.action is Action.PAUSE else ContainerState.EXITED)

    # What the gate says.

    def on_birth(self, birth: Birth) -> None:
        """A cgroup appeared: answer at once if the verdict is known, else look it up."""
        if birth.build_step:
            self._build_step(birth)
            return
        if birth.container_id in self.buried:  # late news of one that is gone
            if birth.held:
                self.tools.gate.rule(birth.container_id, Ruling.THAW)
            return
        case = self.case(birth.container_id, Net.GATE)
        case.held = case.at_gate = birth.held
        if birth.held:
            case.attempted(is_new=birth.born_ns > 0)
        if case.container is None:
            self.look(case)
        elif birth.held:
            case.caught_at_gate = case.failed = False
            self.judge(case)
            self.apply(case, Net.GATE)

    def on_settled(self, settled: Settled) -> None:
        """A held container was thawed or killed."""
        if (build := self._builds.pop(settled.container_id, None)) is not None:
            self.tools.emit(
                self.tools.composer.build_step(settled.container_id, build, settled.held_ms)
            )
            return
        case = self.cases.get(settled.container_id)
        if case is None:
            return  # it was gone before
        case.held = case.at_gate = False
        case.caught_at_gate = settled.ruling is Ruling.KILL
        if settled.unanswered and settled.ruling is not Ruling.LEAVE:  # left: it ended by itself
            self.tools.emit(self.tools.composer.unanswered(case, settled))
        if case.deed is not None:
            self._conclude(case)
        elif settled.unanswered:
            self.look(case)
        elif case.caught_at_gate and case.action.touches:
            self._refuse(case)
        self._bury(case)

    def on_gate_state(self, state: GateState) -> None:
        """The gate stands or does not; without it the other two nets go on."""
        if state == self.gate_state:
            return
        self.gate_state = state
        if state.standing:
            self.tools.emit(self.tools.composer.notice("gate.up", "The cgroup gate stands."))
            self.tell_gate()
            return
        summary = f"The cgroup gate does not stand: {state.reason}. The other nets go on."
        self.tools.emit(self.tools.composer.notice("gate.down", summary, kind=Kind.ALARM))
        for case in list(self.cases.values()):
            case.held = case.at_gate = False
            self._conclude(case)
            self._bury(case)

    def tell_gate(self) -> None:
        """Tell a new gate, or one that was made to forget, all that is decided."""
        for case in self.cases.values():
            if case.decision is None:
                continue
            if case.action.touches:
                self.tools.gate.refuse(case.id)
            else:
                self.tools.gate.admit(case.id)

    def _build_step(self, birth: Birth) -> None:
        action = self.policy.build_action()
        step = birth.container_id
        if birth.held:
            self._builds[step] = action
            self.tools.gate.rule(step, Ruling.KILL if action.touches else Ruling.THAW)
        elif action is not Action.ALLOW:
            self.tools.emit(self.tools.composer.build_step(step, Action.REPORT, None))
