"""Makes findings about containers: names, severities, sentences; decides and writes nothing."""

from collections.abc import Callable
from dataclasses import dataclass, field

from agent.enforcement.container_actions import ActionResult
from agent.enforcement.enforcement_policy import Policy
from agent.enforcement.tracked_container import OVER, PendingAction, TrackedContainer
from agent.ports import Clock, GateDecision, HoldEnded
from agent.reporting.deduplication import Deduplicator
from agent.reporting.finding_factory import FindingFactory
from core.decision.decision import Decision, undetermined
from core.decision.verdict import Action, EnforcementPoint, Verdict
from core.findings.finding import Finding, Kind, Outcome, Severity
from core.image.identity import Container, ContainerState

_UNKNOWN = ContainerState.UNKNOWN
_DONE = {Action.KILL: "killed", Action.STOP: "stopped", Action.PAUSE: "paused"}


@dataclass(slots=True, kw_only=True)
class ContainerFindings(FindingFactory):
    """Makes findings about containers, too, and numbers restart loops."""

    policy: Policy
    deduplicator: Deduplicator = field(default_factory=Deduplicator)

    @classmethod
    def of(cls, policy: Policy, clock: Clock, new_id: Callable[[], str]) -> "ContainerFindings":
        """The factory whose host and mode are those of `policy`."""
        return cls(policy, clock, new_id, policy=policy)

    def reported(self, tracked: TrackedContainer, decision: Decision) -> Finding:
        """A container that is let run although it is not plainly approved."""
        event = (
            "container.undetermined"
            if decision.verdict is Verdict.UNDETERMINED
            else "container.reported"
        )
        ran_ms = _ms(tracked.ran_ns) if tracked.ran and not tracked.live else None
        outcome = Outcome(
            Action.REPORT, tracked.evaluated_at, ran_ms, breaker_open=tracked.breaker_open
        )
        summary = f"{self._found(tracked, decision)} {self._fate(tracked, ran_ms)}"
        if decision.verdict in (Verdict.WAIVED, Verdict.DERIVED):
            severity = Severity.INFO
        else:
            severity = Severity.ERROR if decision.verdict.is_forbidden else Severity.WARNING
        return self._violation(event, summary, tracked, decision, outcome, severity)

    def unanswered(self, tracked: TrackedContainer, hold_ended: HoldEnded) -> Finding:
        """A container that was held at the gate, and nobody had a verdict in time."""
        decision = undetermined(f"no verdict came within {hold_ended.held_ms:.0f} ms at the gate")
        killed = hold_ended.decision is GateDecision.KILL
        action, ran_ms = (Action.KILL, 0.0) if killed else (Action.REPORT, None)
        outcome = Outcome(action, EnforcementPoint.GATE, ran_ms, hold_ended.held_ms)
        fate = "It was " + ("killed before its first instruction." if killed else "let run.")
        summary = f"{self._found(tracked, decision)} {fate}"
        event = "container.undetermined"
        return self._violation(event, summary, tracked, decision, outcome, Severity.WARNING)

    def done(
        self, tracked: TrackedContainer, pending: PendingAction, result: ActionResult
    ) -> Finding:
        """A container that was refused, killed, stopped or paused, with the true outcome."""
        decision, ran_ms = pending.decision, self._ran_ms(tracked, result)
        refused = ran_ms == 0.0
        done = "refused" if refused else _DONE[result.action]
        # What the gate killed is refused, even if the engine would not remove it.
        failed = bool(result.error) and not (refused and tracked.caught_at_gate)
        point = self._enforcement_point(tracked, ran_ms)
        outcome = Outcome(result.action, point, ran_ms, round(result.took_ms, 3), result.error)
        lived = "before its first instruction" if refused else _lived(ran_ms)
        summary = f"{self._found(tracked, decision)} " + (
            f"Could not be {done}: {result.error}." if failed else f"{done.title()} {lived}."
        )
        severity = Severity.CRITICAL if failed else Severity.WARNING
        if not failed and decision.verdict.is_forbidden:
            severity = Severity.ERROR
        return self._violation(
            "container.action_failed" if failed else f"container.{done}",
            summary,
            tracked,
            decision,
            outcome,
            severity,
            finding_id=pending.finding_id,
            evidence=result.evidence,
        )

    def build_step(self, step: str, action: Action, held_ms: float | None) -> Finding:
        """A BuildKit RUN step, whose image cannot be known."""
        refused = action.touches
        done = "refused" if refused else "reported"
        decision = Decision(
            Verdict.UNLISTED, "a build step runs an image that no allowlist can name (build_steps)"
        )
        outcome = Outcome(action, EnforcementPoint.BUILD, 0.0 if refused else None, held_ms)
        container = Container(id=step, name=f"build step {step}", image=None, state=_UNKNOWN)
        tracked = TrackedContainer(step, 0.0, EnforcementPoint.BUILD, container=container)
        summary = f"A BuildKit step was {done}: {_sentence(decision.reason)}"
        return self._violation(
            f"build.{done}", summary, tracked, decision, outcome, Severity.WARNING
        )

    def _ran_ms(self, tracked: TrackedContainer, result: ActionResult) -> float | None:
        """0 where no process of it ran; None where nobody can know.

        Counted from the engine's start event, which comes some 3 ms after the first instruction.
        """
        if tracked.ran_ns is None:
            return None
        killed_ns = self._until_death(tracked, result)
        if tracked.started_ns is not None:
            return None if killed_ns is None else _ms(killed_ns)
        if tracked.ran:
            return _ms(tracked.ran_ns if killed_ns is None else min(tracked.ran_ns, killed_ns))
        if tracked.caught_at_gate or tracked.container is None:
            return 0.0
        # It runs, or ran and ended, and the event of its start has not come yet.
        state = tracked.container.state
        return None if state.is_live or state in OVER else 0.0

    @staticmethod
    def _until_death(tracked: TrackedContainer, result: ActionResult) -> int | None:
        """How long its runs took, by when its last process was seen to be gone: the engine's own
        word comes later, after it is done with the start."""
        if result.gone_ns is None or tracked.began_ns is None or tracked.before_ns is None:
            return None
        return tracked.before_ns + max(result.gone_ns - tracked.began_ns, 1)

    @staticmethod
    def _enforcement_point(tracked: TrackedContainer, ran_ms: float | None) -> EnforcementPoint:
        """The enforcement point that caught it, not the one that first saw it."""
        if ran_ms == 0.0:
            return EnforcementPoint.GATE if tracked.caught_at_gate else EnforcementPoint.CREATE
        return (
            EnforcementPoint.RESCAN
            if tracked.evaluated_at is EnforcementPoint.RESCAN
            else EnforcementPoint.START
        )

    def _fate(self, tracked: TrackedContainer, ran_ms: float | None) -> str:
        if tracked.ran and not tracked.live:
            return f"It ended by itself {_lived(ran_ms)}."
        if tracked.breaker_open:
            return "Let run (the circuit breaker is open)."
        if tracked.is_paused:
            return "Left as it is (paused)."
        if self.policy.break_glass.active:
            return "Let run (break-glass is in force)."
        off = self.policy.action(tracked.decision).touches if tracked.decision else False
        return f"Let run ({'the enforcement point is off' if off else f'mode {self.policy.mode}'})."

    def _found(self, tracked: TrackedContainer, decision: Decision) -> str:
        """Who it is, what it is worth and why, as one sentence."""
        name = tracked.container.name if tracked.container else tracked.name
        claimed = tracked.container.claimed_reference if tracked.container else tracked.claimed
        who = f"Container {name or tracked.id[:12]} (image {claimed or 'unknown'})"
        return f"{who} is {decision.verdict}: {_sentence(decision.reason)}"

    def _violation(
        self,
        event: str,
        summary: str,
        tracked: TrackedContainer,
        decision: Decision,
        outcome: Outcome,
        severity: Severity,
        *,
        finding_id: str = "",
        evidence: str = "",
    ) -> Finding:
        finding_id = finding_id or self.new_id()
        container = tracked.container or Container(
            id=tracked.id,
            name=tracked.name,
            image=None,
            state=_UNKNOWN,
            claimed_reference=tracked.claimed,
        )
        image = str(container.image.image_id) if container.image else container.claimed_reference
        violation_id, occurrence = self.deduplicator.number(
            (image, decision.verdict), finding_id, now=self.clock.monotonic()
        )
        return self.finding(
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


def _sentence(reason: str) -> str:
    return reason if reason.endswith(".") else f"{reason}."


def _ms(ran_ns: int | None) -> float | None:
    """Milliseconds; what ran at all ran for more than 0."""
    return None if ran_ns is None else max(round(ran_ns / 1e6, 3), 0.001)


def _lived(ran_ms: float | None) -> str:
    return "after an unknown time" if ran_ms is None else f"after {ran_ms:.1f} ms"
