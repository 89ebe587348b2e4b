"""Turns what happened into findings: names, severities, sentences; decides and writes nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agent.control.acts import Deed
from agent.control.case import Case, Sentence
from agent.control.coalesce import Coalescer
from agent.control.policy import Policy
from agent.domain.decision import Decision, undetermined
from agent.domain.finding import Finding, Kind, Outcome, Severity
from agent.domain.identity import Container, ContainerState
from agent.domain.verdict import Action, Net, Verdict
from agent.ports import Clock, Ruling, Settled

_UNKNOWN = ContainerState.UNKNOWN
_DONE = {Action.KILL: "killed", Action.STOP: "stopped", Action.PAUSE: "paused"}


@dataclass(slots=True)
class Composer:
    """Makes findings with this host's name and mode, numbering restart loops.

    `sequence` is the allowlist's, set when one is adopted.
    """

    policy: Policy
    clock: Clock
    new_id: Callable[[], str]
    coalescer: Coalescer = field(default_factory=Coalescer)
    sequence: int | None = None

    def notice(
        self, event: str, summary: str, *, kind: Kind = Kind.NOTICE, **details: str
    ) -> Finding:
        """About the guard itself."""
        severity = Severity.ERROR if kind is Kind.ALARM else Severity.INFO
        return self._finding(event, summary, kind=kind, severity=severity, details=details)

    def reported(self, case: Case, decision: Decision) -> Finding:
        """A container that is let run although it is not plainly approved."""
        event = (
            "container.undetermined"
            if decision.verdict is Verdict.UNDETERMINED
            else "container.reported"
        )
        ran_ms = _ms(case.ran_ns) if case.ran and not case.live else None
        outcome = Outcome(Action.REPORT, case.judged_by, ran_ms, braked=case.braked)
        summary = f"{self._found(case, decision)} {self._fate(case, ran_ms)}"
        if decision.verdict in (Verdict.WAIVED, Verdict.DERIVED):
            severity = Severity.INFO
        else:
            severity = Severity.ERROR if decision.verdict.is_forbidden else Severity.WARNING
        return self._violation(event, summary, case, decision, outcome, severity)

    def unanswered(self, case: Case, settled: Settled) -> Finding:
        """A container that was held at the gate, and nobody had a verdict in time."""
        decision = undetermined(f"no verdict came within {settled.held_ms:.0f} ms at the gate")
        killed = settled.ruling is Ruling.KILL
        action, ran_ms = (Action.KILL, 0.0) if killed else (Action.REPORT, None)
        outcome = Outcome(action, Net.GATE, ran_ms, settled.held_ms)
        fate = "It was " + ("killed before its first instruction." if killed else "let run.")
        summary = f"{self._found(case, decision)} {fate}"
        event = "container.undetermined"
        return self._violation(event, summary, case, decision, outcome, Severity.WARNING)

    def done(self, case: Case, sentence: Sentence, deed: Deed) -> Finding:
        """A container that was refused, killed, stopped or paused, with the true outcome."""
        decision, ran_ms = sentence.decision, self._ran_ms(case, deed)
        refused = ran_ms == 0.0
        done = "refused" if refused else _DONE[deed.action]
        # What the gate killed is refused, even if the engine would not remove it.
        failed = bool(deed.error) and not (refused and case.caught_at_gate)
        net = self._net(case, ran_ms)
        outcome = Outcome(deed.action, net, ran_ms, round(deed.took_ms, 3), deed.error)
        lived = "before its first instruction" if refused else _lived(ran_ms)
        summary = f"{self._found(case, decision)} " + (
            f"Could not be {done}: {deed.error}." if failed else f"{done.title()} {lived}."
        )
        severity = Severity.CRITICAL if failed else Severity.WARNING
        if not failed and decision.verdict.is_forbidden:
            severity = Severity.ERROR
        return self._violation(
            "container.action_failed" if failed else f"container.{done}",
            summary,
            case,
            decision,
            outcome,
            severity,
            finding_id=sentence.finding_id,
            evidence=deed.evidence,
        )

    def build_step(self, step: str, action: Action, held_ms: float | None) -> Finding:
        """A BuildKit RUN step, whose image cannot be known."""
        refused = action.touches
        done = "refused" if refused else "reported"
        decision = Decision(
            Verdict.UNLISTED, "a build step runs what no allowlist can name (build_steps)"
        )
        outcome = Outcome(action, Net.BUILD, 0.0 if refused else None, held_ms)
        container = Container(id=step, name=f"build step {step}", image=None, state=_UNKNOWN)
        case = Case(step, 0.0, Net.BUILD, container=container)
        summary = f"A BuildKit step was {done}: {_sentence(decision.reason)}"
        return self._violation(f"build.{done}", summary, case, decision, outcome, Severity.WARNING)

    def _ran_ms(self, case: Case, deed: Deed) -> float | None:
        """0 where no process of it ever ran; None where nobody can know.

        Counted from the engine's start event, which comes some 3 ms after the first instruction.
        """
        if case.ran_ns is None:
            return None
        killed_ns = self._until_death(case, deed)
        if case.started_ns is not None:
            return None if killed_ns is None else _ms(killed_ns)
        if case.ran:
            return _ms(case.ran_ns if killed_ns is None else min(case.ran_ns, killed_ns))
        if case.container is not None and case.container.state.is_live and not case.caught_at_gate:
            return None
        return 0.0

    @staticmethod
    def _until_death(case: Case, deed: Deed) -> int | None:
        """How long its runs took, by when its last process was seen to be gone: the engine's own
        word comes later, after it is done with the start."""
        if deed.gone_ns is None or case.began_ns is None or case.before_ns is None:
            return None
        return case.before_ns + max(deed.gone_ns - case.began_ns, 1)

    @staticmethod
    def _net(case: Case, ran_ms: float | None) -> Net:
        """The net that caught it, not the one that first saw it."""
        if ran_ms == 0.0:
            return Net.GATE if case.caught_at_gate else Net.CREATE
        return Net.SWEEP if case.judged_by is Net.SWEEP else Net.START

    def _fate(self, case: Case, ran_ms: float | None) -> str:
        if case.ran and not case.live:
            return f"It ended by itself {_lived(ran_ms)}."
        if case.braked:
            return "Let run (the kill-rate brake is on)."
        if case.is_paused:
            return "Left as it is (paused)."
        if self.policy.glass.broken:
            return "Let run (break-glass is in force)."
        off = self.policy.action(case.decision).touches if case.decision else False
        return f"Let run ({'the net is off' if off else f'mode {self.policy.mode}'})."

    def _found(self, case: Case, decision: Decision) -> str:
        """Who it is, what it is worth and why, as one sentence."""
        name = case.container.name if case.container else case.name
        claimed = case.container.claimed_reference if case.container else case.claimed
        who = f"Container {name or case.id[:12]} (image {claimed or 'unknown'})"
        return f"{who} is {decision.verdict}: {_sentence(decision.reason)}"

    def _violation(
        self,
        event: str,
        summary: str,
        case: Case,
        decision: Decision,
        outcome: Outcome,
        severity: Severity,
        *,
        finding_id: str = "",
        evidence: str = "",
    ) -> Finding:
        finding_id = finding_id or self.new_id()
        container = case.container or Container(
            id=case.id, name=case.name, image=None, state=_UNKNOWN, claimed_reference=case.claimed
        )
        image = str(container.image.image_id) if container.image else container.claimed_reference
        violation_id, occurrence = self.coalescer.number(
            (image, decision.verdict), finding_id, now=self.clock.monotonic()
        )
        return self._finding(
            event,
            summary,
            kind=Kind.VIOLATION,
            severity=severity,
            finding_id=finding_id,
            container=container,
            decision=decision,
            outcome=outcome,
            violation_id=violation_id,
            occurrence=occurrence,
            evidence=evidence,
        )

    def _finding(
        self,
        event: str,
        summary: str,
        *,
        kind: Kind,
        severity: Severity,
        finding_id: str = "",
        container: Container | None = None,
        decision: Decision | None = None,
        outcome: Outcome | None = None,
        violation_id: str = "",
        occurrence: int = 1,
        evidence: str = "",
        details: Mapping[str, str] | None = None,
    ) -> Finding:
        return Finding(
            id=finding_id or self.new_id(),
            at=self.clock.now(),
            kind=kind,
            severity=severity,
            event=event,
            summary=summary,
            host=self.policy.host,
            mode=self.policy.mode,
            container=container,
            decision=decision,
            outcome=outcome,
            violation_id=violation_id,
            occurrence=occurrence,
            evidence=evidence,
            list_sequence=self.sequence,
            details=details or {},
        )


def _sentence(reason: str) -> str:
    return reason if reason.endswith(".") else f"{reason}."


def _ms(ran_ns: int | None) -> float | None:
    """Milliseconds; what ran at all ran for more than 0."""
    return None if ran_ns is None else max(round(ran_ns / 1e6, 3), 0.001)


def _lived(ran_ms: float | None) -> str:
    return "after an unknown time" if ran_ms is None else f"after {ran_ms:.1f} ms"
