"""Keeps the lockdown's layers as they should be: observe, restore, report.

A layer that another tool keeps reverting is left alone for a growing pause (`RevertBackoff`). One
of `always_restored` is not: what it keeps out would come in during the pause. It is restored each
time, and only the reports pause: their number is reported when the pause is over.
Works on the loop's thread; the layers' own work runs elsewhere, one job a layer at a time. It knows
no file and no firewall.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from agent.lockdown.layer_state import (
    Cause,
    LayerState,
    RevertBackoff,
    RevertLimits,
    conflict_words,
)
from agent.ports import Clock, Layer
from agent.ports.lockdown_values import Drift
from agent.ports.work import Work
from agent.reporting.finding_factory import FindingFactory
from core.base_errors import DockwardenError
from core.findings.finding import Finding, Kind

Rows = list[dict[str, Any]]


class Reconciler:
    """Checks layers on request and by period. `mend` False only reports what it finds."""

    def __init__(
        self,
        layers: Sequence[Layer],
        *,
        mend: bool,
        limits: RevertLimits,
        period: float,
        work: Work,
        clock: Clock,
        finding_factory: FindingFactory,
        emit: Callable[[Finding], None],
        healing: Callable[[str, bool], None] = lambda _name, _on: None,
        always_restored: frozenset[str] = frozenset(),
    ) -> None:
        """`healing` informs a layer that restores itself at once whether it may; it is called with
        the layer's other work and raises as that does."""
        self._healing = healing
        self._always_restored = always_restored
        self.states = {layer.name: LayerState(layer, RevertBackoff(limits)) for layer in layers}
        self._mend = mend
        self._limits = limits
        self._period = period
        self._work = work
        self._clock = clock
        self._finding_factory = finding_factory
        self._emit = emit
        self._next = 0.0
        self.stood_down = False
        self._restoring = False
        self._await_restore: list[Callable[[Rows], None]] = []

    def mends(self, mend: bool) -> None:
        """From now on restore what differs, or only report it; check all at once."""
        if mend is not self._mend:
            self._mend = mend
            self.check()

    def check(self, names: Iterable[str] = ()) -> None:
        """Check these layers (none named: all) and restore them if `mend` is set."""
        for name in list(names) or list(self.states):
            state = self.states[name]
            if self.stood_down:
                return
            if state.busy:
                state.again = True
            else:
                self._look(state)

    def tick(self) -> None:
        """Check all when the period is over, and those whose pause is."""
        now = self._clock.monotonic()
        over = [name for name, state in self.states.items() if state.backoff.over(now)]
        for name in over:
            self._sum_up(self.states[name])
        if now >= self._next:
            self._next = now + self._period
            self.check()
        elif over:
            self.check(over)

    def disturbed(self, name: str, culprit: str) -> None:
        """Somebody changed a layer that restores itself at once: count it, observe, report."""
        state = self.states.get(name)
        if state is None or self.stood_down:
            return
        mended = self._mend and not self._left_alone(state)
        state.cause = Cause(culprit or state.cause.culprit, state.cause.mended + mended)
        if mended:
            self._count(state, state.cause)
        self.check([name])

    # Restoring.

    def restore(self, then: Callable[[Rows], None]) -> None:
        """Put everything back, elsewhere, and stop until the agent is restarted; `then` gets
        a row a layer. Whatever is being done to a layer is done first."""
        self._await_restore.append(then)
        if not self.stood_down:
            self.stood_down = True
            summary = (
                "The lockdown was removed by hand; the agent keeps it off until it is restarted."
            )
            self._emit(self._finding_factory.notice("lockdown.restored", summary, kind=Kind.ALARM))
        self._restore_when_idle()

    def _restore_when_idle(self) -> None:
        busy = self._restoring or any(state.busy for state in self.states.values())
        if busy or not self._await_restore:
            return
        self._restoring = True
        waiting, self._await_restore = self._await_restore, []
        layers = [state.layer for state in reversed(self.states.values())]
        self._work.submit(lambda: restored(layers), lambda rows: self._restored(rows, waiting))

    def _restored(
        self, rows: Rows | DockwardenError, waiting: Sequence[Callable[[Rows], None]]
    ) -> None:
        self._restoring = False
        if isinstance(rows, DockwardenError):
            error = str(rows)
            rows = [{"layer": name, "undone": [], "error": error} for name in self.states]
        for row in rows:
            state = self.states[row["layer"]]
            state.stood, state.drift, state.error = False, None, row["error"]
            state.backoff = RevertBackoff(self._limits)
        for then in waiting:
            then(rows)
        self._restore_when_idle()

    def looked_at(self, name: str) -> bool:
        """Whether the first check of a layer, with what it restored, is over; true if unknown."""
        state = self.states.get(name)
        if state is None:
            return True
        known = state.stood or bool(state.error) or state.drift is not None
        return known and not state.busy

    def status(self) -> Rows:
        """One row a layer."""
        return [
            {
                "layer": name,
                "in_place": state.stood and not state.words() and not state.error,
                "drift": state.words(),
                "notes": state.notes(),
                "error": state.error,
                "healed": state.mended,
                "conflict": state.backoff.backing_off,
                "left_alone": self._left_alone(state),
            }
            for name, state in self.states.items()
        ]

    def degraded(self) -> list[str]:
        """Why the lockdown is not as configured, in words; in observe mode it need not be."""
        if self.stood_down:
            return ["the lockdown was restored by hand: restart the agent to put it back"]
        reasons = []
        for row in self.status() if self._mend else []:
            if row["conflict"]:
                what = "left alone" if row["left_alone"] else "it is restored each time"
                reasons.append(f"{row['layer']}: another tool keeps reverting it; {what}")
            reasons += [
                f"{row['layer']}: {words}" for words in (row["error"], *row["drift"]) if words
            ]
        return reasons

    def _look(self, state: LayerState) -> None:
        state.busy = True
        cause, state.cause = state.cause, Cause()
        layer, mend = state.layer, self._mend and not self._left_alone(state)

        def attend() -> Drift:
            self._healing(layer.name, mend)
            return layer.apply() if mend else layer.drift()

        self._work.submit(attend, lambda found: self._found(state, found, cause, mended=mend))

    def _found(
        self, state: LayerState, found: Drift | DockwardenError, cause: Cause, *, mended: bool
    ) -> None:
        state.busy = False
        again, state.again = state.again, False
        if self.stood_down:
            self._restore_when_idle()
            return
        if isinstance(found, DockwardenError):
            self._failed(state, str(found), cause)
        else:
            self._compare(state, found, cause, mended=mended)
        if again:
            self.check([state.layer.name])

    def _failed(self, state: LayerState, error: str, cause: Cause) -> None:
        state.drift = None
        if state.error == error:
            return
        state.error = error
        summary = f"{state.layer.name} cannot be put in the desired state: {error}"
        self._say("lockdown.failed", summary, state, cause, kind=Kind.ALARM)

    def _compare(self, state: LayerState, found: Drift, cause: Cause, *, mended: bool) -> None:
        """`mended`: what differed was restored, and only what is blocked is left."""
        before, state.error, state.drift = state.words(), "", found
        if mended:
            state.drift = Drift(found.layer, blocked=found.blocked, notes=found.notes)
        left = state.words()
        if mended and found.differences:
            self._mended(state, found, cause)
        elif cause.mended and not left:
            self._healed(state, "it was changed", cause)
        if left and left != before:
            kind = Kind.ALARM if state.stood or mended else Kind.NOTICE
            summary = f"{state.layer.name} is not as it should be: {'; '.join(left)}"
            self._say("lockdown.drift", summary, state, cause, kind=kind)
        state.stood = state.stood or mended or not left
        for note in state.notes():
            if note not in state.noted:
                state.noted.add(note)
                self._say("lockdown.note", f"{state.layer.name}: {note}", state, Cause())

    def _mended(self, state: LayerState, found: Drift, cause: Cause) -> None:
        what = "; ".join(f"{d.place}: {d.words}" for d in found.differences)
        if state.stood:
            self._healed(state, what, cause)
            self._count(state, cause)
        else:
            summary = f"{state.layer.name} was put in place: {what}"
            self._say("lockdown.applied", summary, state, cause)

    def _count(self, state: LayerState, cause: Cause) -> None:
        """One restore more; after too many it backs off."""
        state.mended += 1
        if not state.backoff.healed(self._clock.monotonic()):
            return
        always = state.layer.name in self._always_restored
        summary = conflict_words(
            state.layer.name, self._limits, state.backoff.pause, cause.culprit, always=always
        )
        self._say("lockdown.conflict", summary, state, cause, kind=Kind.ALARM)

    def _healed(self, state: LayerState, what: str, cause: Cause) -> None:
        if state.backoff.backing_off:
            state.unreported += max(cause.mended, 1)
            return
        by = f" by {cause.culprit}" if cause.culprit else ""
        times = f" {cause.mended} times" if cause.mended > 1 else ""
        summary = f"{state.layer.name} was undone{times}{by} and healed: {what}"
        self._say("lockdown.healed", summary, state, cause, kind=Kind.ALARM)

    def _sum_up(self, state: LayerState) -> None:
        """A pause of the reports is over: how often the layer was undone in it."""
        times, state.unreported = state.unreported, 0
        if times:
            what = f"{times} times in the last {state.backoff.pause:g} s"
            summary = f"{state.layer.name} was undone {what} and healed each time"
            self._say("lockdown.healed", summary, state, Cause(), kind=Kind.ALARM)

    def _left_alone(self, state: LayerState) -> bool:
        return state.backoff.backing_off and state.layer.name not in self._always_restored

    def _say(
        self,
        event: str,
        summary: str,
        state: LayerState,
        cause: Cause,
        *,
        kind: Kind = Kind.NOTICE,
    ) -> None:
        details = {"layer": state.layer.name}
        if cause.culprit:
            details["culprit"] = cause.culprit
        self._emit(self._finding_factory.notice(event, summary, kind=kind, **details))


def restored(layers: Iterable[Layer]) -> Rows:
    """Restore each layer, whatever becomes of the others; a row each."""
    rows = []
    for layer in layers:
        row: dict[str, Any] = {"layer": layer.name, "undone": [], "error": ""}
        try:
            row["undone"] = [f"{d.place}: {d.words}" for d in layer.restore().differences]
        except DockwardenError as error:
            row["error"] = str(error)
        rows.append(row)
    return rows
