"""The enforcement loop's state: every container gets a verdict, and the verdict its action.

It acts only through ports and owns all decision state; every method runs on the loop's thread.
What it must not know: Docker, cgroups, files, the time of day (the Clock tells it).
"""

from collections.abc import Callable
from dataclasses import dataclass

from agent.control.acts import Acts, Deed
from agent.control.brake import Brake
from agent.control.case import Case
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
                case = self.case(event.actor, Net.CREATE, claimed=event.image, name=event.name)
                if case.decision is None:
                    self.look(case)
            case "start":
                self._started(event)
            case "unpause":
                case = self.case(event.actor, Net.START, claimed=event.image, name=event.name)
                case.moved(ContainerState.RUNNING)
                self._judged_or_look(case)
            case "pause":
                self._moved(event.actor, ContainerState.PAUSED)
            case "die":
                self._moved(event.actor, ContainerState.EXITED)
            case "rename":
                if known := self.cases.get(event.actor):
                    known.renamed(event.name)
            case "destroy":
                self._destroyed(event.actor)
            case action if action.startswith("exec_create"):
                log.info("container.exec", container=event.name or event.actor[:12])

    def _started(self, event: EngineEvent) -> None:
        case = self.case(event.actor, Net.START, claimed=event.image, name=event.name)
        case.moved(ContainerState.RUNNING)
        case.started_ns = event.time_ns
        self._judged_or_look(case)

    def _judged_or_look(self, case: Case) -> None:
        if case.decision is None:
            self.look(case)
        else:
            self.apply(case, Net.START)

    def _moved(self, container_id: str, state: ContainerState) -> None:
        case = self.cases.get(container_id)
        if case is not None and not case.acting:
            case.moved(state)

    def _destroyed(self, container_id: str) -> None:
        case = self.cases.get(container_id)
        if case is None:
            return
        case.gone = True
        if case.idle:
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
        self.tools.gate.forget(case.id)

    # Looking up.

    def look(self, case: Case) -> None:
        """Ask the engine, elsewhere, which image it is; judge when the answer is here."""
        if case.looking:
            return
        case.looking = True
        self.tools.work.submit(
            lambda: self.tools.acts.look(case.id),
            lambda found: self._found(case, found),
            urgent=True,
        )

    def _found(self, case: Case, found: Container | DockwardenError | None) -> None:
        case.looking = False
        if isinstance(found, DockwardenError):
            self._look_later(case, found)
        elif found is None:
            self._unseen(case)
        else:
            case.attempts = 0
            case.container = found
            self.judge(case)
            self.apply(case, Net.START if case.started_ns is not None else case.net)
        if case.gone and case.idle:
            self.drop(case)

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
        """The engine knows no such container (any more)."""
        if case.held:
            self._rule(case, Ruling.THAW)
        if (case.started_ns is not None or case.caught_at_gate) and not case.reported:
            case.decision = undetermined("it was gone before its image could be looked up")
            case.reported = True
            self.report(case)
        case.gone = True

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

    def disruptive(self, case: Case, net: Net) -> bool:
        """Whether ending it would disturb what ran so far (docs/adr/0004)."""
        if case.decision is None or case.decision.verdict.is_forbidden:
            return False
        image = case.container.image if case.container else None
        known = image is not None and str(image.image_id) in self._formerly_approved
        return known or (net is Net.SWEEP and case.live)

    def running(self) -> int:
        """How many containers run, as far as is known."""
        return sum(case.live for case in self.cases.values())

    def _brakes(self, case: Case, net: Net) -> bool:
        if net is Net.SWEEP:  # sweeps ask the brake once for all they would end
            return case.braked
        if not self.disruptive(case, net) or case.acting:
            return False
        return not self.brake_admits(1)

    @property
    def idle(self) -> bool:
        """Whether nothing is under way about any container."""
        return all(case.idle for case in self.cases.values())

    def brake_admits(self, wanted: int) -> bool:
        """Ask the brake for `wanted` disruptive kills; says so when it goes on."""
        before = self.brake.on
        now = self.tools.clock.monotonic()
        admitted = self.brake.admit(wanted, running=self.running(), now=now)
        if self.brake.on and not before:
            self.tools.emit(
                self.tools.composer.notice(
                    "brake.on",
                    f"The kill-rate brake went on: {wanted} more containers that ran so far would "
                    "have been ended. They are reported instead. If the list is right, release "
                    "it with `dockwarden brake release`; else publish a corrected list.",
                    kind=Kind.ALARM,
                )
            )
        return admitted

    def _let_run(self, case: Case) -> None:
        self.tools.gate.admit(case.id)
        if case.held:
            self._rule(case, Ruling.THAW)
        starting = case.live or case.net is not Net.SWEEP
        if case.action is Action.REPORT and not case.reported and starting:
            case.reported = True
            self.report(case)

    def report(self, case: Case) -> None:
        """Record a container that is, or was, let run although it is not plainly approved."""
        assert case.decision is not None  # only what was judged is reported
        self.tools.emit(self.tools.composer.reported(case, case.decision))

    def _refuse_or_end(self, case: Case, net: Net) -> None:
        self.tools.gate.refuse(case.id)
        if case.held:
            self._rule(case, Ruling.KILL)
        elif case.live:
            self._end(case)
        elif net is Net.CREATE and Net.CREATE in self.policy.nets and not self.policy.keep_refused:
            self._refuse(case)

    def _rule(self, case: Case, ruling: Ruling) -> None:
        """Answer the gate; an engine-paused container is left as it is."""
        paused = case.container is not None and case.container.state is ContainerState.PAUSED
        case.held = False
        if paused:
            case.at_gate = False
        self.tools.gate.rule(case.id, Ruling.LEAVE if paused else ruling)
        if paused and ruling is Ruling.KILL:
            self._end(case)

    def _refuse(self, case: Case) -> None:
        """It has not run: capture evidence, remove it if so configured."""
        if case.acting or case.container is None:
            return
        case.acting = True
        container, finding_id = case.container, self.tools.composer.new_id()
        remove = not self.policy.keep_refused
        self.tools.work.submit(
            lambda: self.tools.acts.refuse(container, finding_id, remove=remove),
            lambda deed: self._acted(case, finding_id, deed),
        )

    def _end(self, case: Case) -> None:
        """It runs: kill by the kernel at once, the rest elsewhere."""
        if Net.START not in self.policy.nets or case.container is None:
            return
        cgroup = self.tools.gate.cgroup(case.id)
        if case.action is Action.KILL:
            self.tools.processes.kill(case.id, cgroup)
        if case.acting:
            return
        case.acting = True
        container, finding_id = case.container, self.tools.composer.new_id()
        action, policy = case.action, self.policy
        self.tools.work.submit(
            lambda: self.tools.acts.end(
                container,
                finding_id,
                action=action,
                cgroup=cgroup,
                stop_timeout=policy.stop_timeout,
                remove=not policy.keep_killed,
            ),
            lambda deed: self._acted(case, finding_id, deed),
        )

    def _acted(self, case: Case, finding_id: str, deed: Deed | DockwardenError) -> None:
        if isinstance(deed, DockwardenError):
            deed = Deed(case.action, None, 0.0, error=str(deed))
        if case.at_gate:  # its word on whether anything ran is still to come
            case.deed = (finding_id, deed)
            return
        self._conclude(case, finding_id, deed)

    def _conclude(self, case: Case, finding_id: str, deed: Deed) -> None:
        self.tools.emit(self.tools.composer.done(case, deed, finding_id))
        case.acting = case.caught_at_gate = False
        case.deed = None
        if deed.error:
            self._look_later(case, DockwardenError(deed.error))
        elif deed.action is Action.PAUSE:
            case.moved(ContainerState.PAUSED)
        else:
            case.moved(ContainerState.EXITED)
        if case.gone and case.idle:
            self.drop(case)

    # What the gate says.

    def on_birth(self, birth: Birth) -> None:
        """A cgroup appeared: answer at once if the verdict is known, else look it up."""
        if birth.build_step:
            self._build_step(birth)
            return
        case = self.case(birth.container_id, Net.GATE)
        case.held = case.at_gate = birth.held
        if case.decision is None:
            self.look(case)
        elif birth.held:
            self.apply(case, Net.GATE)

    def on_settled(self, settled: Settled) -> None:
        """A held container was thawed or killed."""
        if (build := self._builds.pop(settled.container_id, None)) is not None:
            self.tools.emit(
                self.tools.composer.build_step(settled.container_id, build, settled.held_ms)
            )
            return
        case = self.case(settled.container_id, Net.GATE)
        case.held = case.at_gate = False
        case.caught_at_gate = settled.ruling is Ruling.KILL
        if settled.unanswered:
            self._unanswered(case, settled)
        if case.deed is not None:
            self._conclude(case, *case.deed)
        elif case.caught_at_gate and case.action.touches:
            self._refuse(case)
        if case.gone and case.idle:
            self.drop(case)

    def _unanswered(self, case: Case, settled: Settled) -> None:
        decision = undetermined(f"no verdict came within {settled.held_ms:.0f} ms at the gate")
        self.tools.emit(self.tools.composer.reported(case, decision))
        self.look(case)

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
            if case.deed is not None:
                self._conclude(case, *case.deed)

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
