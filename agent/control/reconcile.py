"""Keeps the lockdown's layers as they should be: look, mend, say so; gives in to a fight.

Works on the loop's thread; the layers' own work runs elsewhere. It knows no file and no firewall.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.control.compose import Composer
from agent.control.loop import Work
from agent.domain.errors import DockwardenError
from agent.domain.finding import Finding, Kind
from agent.domain.lockdown import Drift, Refusal
from agent.ports import Clock, Layer

LONGEST_TRUCE = 3600.0  # seconds between attempts while somebody else keeps undoing


@dataclass(frozen=True, slots=True)
class FightLimits:
    """More than `heals` heals of one layer within `seconds` are a fight."""

    heals: int
    seconds: float


@dataclass(slots=True)
class LayerState:
    """What is known of one layer. `mended` counts heals; `truce_until` is monotonic seconds."""

    layer: Layer
    stood: bool = False  # it was seen as it should be
    drift: Drift | None = None
    error: str = ""
    mended: int = 0
    busy: bool = False
    again: bool = False
    culprit: str = ""
    heals: deque[float] = field(default_factory=deque)
    truce_until: float | None = None
    truce: float = 0.0

    def words(self) -> list[str]:
        """What differs now, one sentence each."""
        if self.drift is None:
            return []
        blocked = [self.drift.blocked] if self.drift.blocked else []
        return blocked + [f"{d.place}: {d.words}" for d in self.drift.differences]


class Reconciler:
    """Checks layers when told to and by period. `mend` False only reports what it finds."""

    def __init__(
        self,
        layers: Sequence[Layer],
        *,
        mend: bool,
        limits: FightLimits,
        period: float,
        work: Work,
        clock: Clock,
        composer: Composer,
        emit: Callable[[Finding], None],
        healing: Callable[[bool], None] = lambda _on: None,
    ) -> None:
        """`healing` tells the layer that mends itself (the firewall) whether it may."""
        self._healing = healing
        self.states = {layer.name: LayerState(layer) for layer in layers}
        self._mend = mend
        self._limits = limits
        self._period = period
        self._work = work
        self._clock = clock
        self._composer = composer
        self._emit = emit
        self._next = 0.0
        self.stood_down = False

    def check(self, names: Iterable[str] = (), *, culprit: str = "") -> None:
        """Look at these layers (none named: all) and mend them if that is wanted."""
        for name in list(names) or list(self.states):
            state = self.states[name]
            state.culprit = culprit or state.culprit
            if state.busy:
                state.again = True
            elif not self.stood_down:
                self._look(state)

    def tick(self) -> None:
        """Check all when the period is over, and those whose truce is."""
        now = self._clock.monotonic()
        if now >= self._next:
            self._next = now + self._period
            self.check()
        for state in self.states.values():
            if state.truce_until is not None and now >= state.truce_until and not state.busy:
                state.truce_until = None
                self._healing(True)
                self._look(state)

    def disturbed(self, name: str, culprit: str) -> None:
        """Somebody changed a layer that mends itself at once: say so, and mind a fight."""
        state = self.states.get(name)
        if state is None or self.stood_down:
            return
        state.culprit = culprit
        self._healed(state, "it was changed")
        if self._fights(state):
            self._healing(False)
        self.check([name], culprit=culprit)

    def refused(self, refusal: Refusal) -> None:
        """The firewall turned somebody away."""
        what = refusal.registry or refusal.destination or "an address that is not allowed"
        who = refusal.source or "something on this host"
        summary = f"{who} tried to reach {what} and was refused ({refusal.count} packets)."
        self._emit(
            self._composer.notice(
                "egress.refused",
                summary,
                registry=refusal.registry,
                destination=refusal.destination,
                source=refusal.source,
                count=str(refusal.count),
            )
        )

    def restore(self, then: Callable[[list[dict[str, Any]]], None]) -> None:
        """Put everything back, elsewhere, and stand down until the agent starts anew; `then` gets
        a row a layer."""
        self.stood_down = True
        summary = "The lockdown is taken back by hand; the agent keeps it down until it restarts."
        self._emit(self._composer.notice("lockdown.restored", summary, kind=Kind.ALARM))
        layers = [state.layer for state in reversed(self.states.values())]
        self._work.submit(lambda: restored(layers), lambda rows: self._restored(rows, then))

    def _restored(
        self,
        rows: list[dict[str, Any]] | DockwardenError,
        then: Callable[[list[dict[str, Any]]], None],
    ) -> None:
        found = [] if isinstance(rows, DockwardenError) else rows
        for row in found:
            state = self.states[row["layer"]]
            state.stood, state.drift, state.error = False, None, row["error"]
        then(found)

    def status(self) -> list[dict[str, Any]]:
        """One row a layer."""
        return [
            {
                "layer": name,
                "in_place": state.stood and not state.words() and not state.error,
                "drift": state.words(),
                "error": state.error,
                "healed": state.mended,
                "conflict": state.truce_until is not None,
            }
            for name, state in self.states.items()
        ]

    def degraded(self) -> list[str]:
        """Why the lockdown does not stand as configured, in words; in observe mode it need not."""
        if self.stood_down:
            return ["the lockdown was restored by hand: restart the agent to put it back"]
        reasons = []
        for row in self.status() if self._mend else []:
            if row["conflict"]:
                reasons.append(f"{row['layer']}: somebody else keeps undoing it; left alone")
            reasons += [
                f"{row['layer']}: {words}" for words in (row["error"], *row["drift"]) if words
            ]
        return reasons

    def _look(self, state: LayerState) -> None:
        state.busy = True
        fighting = self._fights(state)
        job = state.layer.apply if self._mend and not fighting else state.layer.drift
        self._work.submit(
            job, lambda found: self._found(state, found, mended=self._mend and not fighting)
        )

    def _fights(self, state: LayerState) -> bool:
        now = self._clock.monotonic()
        while state.heals and state.heals[0] <= now - self._limits.seconds:
            state.heals.popleft()
        if state.truce_until is not None:
            return now < state.truce_until
        if len(state.heals) < self._limits.heals:
            state.truce = 0.0 if not state.heals else state.truce
            return False
        state.truce = min(max(state.truce * 2, self._limits.seconds), LONGEST_TRUCE)
        state.truce_until = now + state.truce
        state.heals.clear()
        name = state.layer.name
        summary = (
            f"{name} was undone more than {self._limits.heals} times in "
            f"{self._limits.seconds:g} s: somebody else manages it. It is left alone for "
            f"{state.truce:g} s."
        )
        self._say("lockdown.conflict", summary, state, kind=Kind.ALARM)
        return True

    def _found(self, state: LayerState, found: Drift | DockwardenError, *, mended: bool) -> None:
        state.busy = False
        if isinstance(found, DockwardenError):
            if state.error != str(found):
                state.error = str(found)
                summary = f"{state.layer.name} cannot be kept as it should be: {found}"
                self._say("lockdown.failed", summary, state, kind=Kind.ALARM)
        else:
            self._compare(state, found, mended=mended)
        if state.again:
            state.again = False
            self._look(state)

    def _compare(self, state: LayerState, found: Drift, *, mended: bool) -> None:
        state.error = ""
        before = state.words()
        state.drift = found
        words = state.words()
        if mended and not found.blocked:
            state.drift = Drift(found.layer)
        if words and (mended or words != before):
            self._report(state, words, mended=mended and not found.blocked)
        if not words or (mended and not found.blocked):
            state.stood = True
        state.culprit = ""

    def _report(self, state: LayerState, words: list[str], *, mended: bool) -> None:
        name, what = state.layer.name, "; ".join(words)
        if not mended:
            kind = Kind.ALARM if state.stood else Kind.NOTICE
            self._say("lockdown.drift", f"{name} is not as it should be: {what}", state, kind=kind)
            return
        if not state.stood:
            self._say("lockdown.applied", f"{name} was put in place: {what}", state)
            return
        self._healed(state, what)

    def _healed(self, state: LayerState, what: str) -> None:
        state.mended += 1
        state.heals.append(self._clock.monotonic())
        by = f" by {state.culprit}" if state.culprit else ""
        summary = f"{state.layer.name} was undone{by} and healed: {what}"
        self._say("lockdown.healed", summary, state, kind=Kind.ALARM)

    def _say(
        self, event: str, summary: str, state: LayerState, *, kind: Kind = Kind.NOTICE
    ) -> None:
        details = {"layer": state.layer.name}
        if state.culprit:
            details["culprit"] = state.culprit
        self._emit(self._composer.notice(event, summary, kind=kind, **details))


def restored(layers: Iterable[Layer]) -> list[dict[str, Any]]:
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
