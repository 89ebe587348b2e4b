"""What the agent knows of the gate's business, so that no death of a gate loses any of it."""

import time
from collections.abc import Iterator

from agent.ports import CgroupCreated, GateDecision, HoldEnded


class PendingCommands:
    """Everything said to the gate that is not carried out yet, and every known cgroup.

    Bounded by the containers that exist: the gate's `gone` and the agent's `forget` remove.
    Not locked: its owner does that.
    """

    def __init__(self) -> None:
        self.admitted: set[str] = set()
        self.refused: set[str] = set()
        self.paths: dict[str, str] = {}
        self._decisions: dict[str, GateDecision] = {}
        self._held: dict[str, float] = {}  # since when, monotonic seconds
        self._seen: set[str] = set()  # reported by the present gate
        self._seen_held: set[str] = set()

    def new_gate(self) -> Iterator[str]:
        """Another gate begins to watch; yields what must be sent to it first."""
        self._seen.clear()
        self._seen_held.clear()
        yield from (f"admit {each}" for each in self.admitted)
        yield from (f"refuse {each}" for each in self.refused)

    def gate_stands(self) -> list[HoldEnded]:
        """It has reported all it found. Returns what the former gate ended without a report."""
        for container_id in self.paths.keys() - self._seen:
            del self.paths[container_id]
        lost = self._held.keys() - self._seen_held
        return [self._close(each, self._decisions.get(each)) for each in lost]

    def admit(self, container_id: str) -> None:
        """It may run."""
        self.refused.discard(container_id)
        self.admitted.add(container_id)

    def refuse(self, container_id: str) -> None:
        """It must not run."""
        self.admitted.discard(container_id)
        self.refused.add(container_id)

    def forget(self, container_id: str | None) -> None:
        """Drop what was said of one, or of all."""
        for said in (self.admitted, self.refused):
            if container_id is None:
                said.clear()
            else:
                said.discard(container_id)

    def rule(self, container_id: str, decision: GateDecision) -> None:
        """Keep a decision until the gate says that it is carried out."""
        if container_id in self._held:
            self._decisions.setdefault(container_id, decision)

    @property
    def decisions(self) -> dict[str, str]:
        """What is to become of each container of which anything was said, strongest word last."""
        thaw: dict[str, str] = dict.fromkeys(self.admitted, GateDecision.THAW.value)
        kill: dict[str, str] = dict.fromkeys(self.refused, GateDecision.KILL.value)
        return thaw | kill | {each: decision.value for each, decision in self._decisions.items()}

    def cgroup_created(self, words: list[str]) -> tuple[CgroupCreated, GateDecision | None]:
        """A `created` line; with it the decision that was given before a former gate died."""
        container_id, held, build_step, created_ns, path = words
        self.paths[container_id] = path
        self._seen.add(container_id)
        if held == "1":
            self._held.setdefault(container_id, time.monotonic())
            self._seen_held.add(container_id)
        created = CgroupCreated(container_id, path, held == "1", int(created_ns), build_step == "1")
        return created, self._decisions.get(container_id) if created.held else None

    def hold_ended(self, words: list[str]) -> HoldEnded:
        """A `hold_ended` line."""
        container_id, decision, held_us, unanswered = words
        self._held.pop(container_id, None)
        self._decisions.pop(container_id, None)
        self._seen_held.discard(container_id)
        return HoldEnded(
            container_id, GateDecision(decision), int(held_us) / 1000, unanswered == "1"
        )

    def gone(self, words: list[str]) -> None:
        """A `gone` line."""
        container_id, path = words
        if self.paths.get(container_id) == path:
            del self.paths[container_id]

    def _close(self, container_id: str, decision: GateDecision | None) -> HoldEnded:
        since = self._held.pop(container_id)
        self._decisions.pop(container_id, None)
        held_ms = (time.monotonic() - since) * 1000
        return HoldEnded(
            container_id, decision or GateDecision.LEAVE, held_ms, unanswered=decision is None
        )
