"""What is done to a container, on the pool, and the outcome; decides nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from agent.errors import EngineUnavailable, SinkFailed
from agent.ports import Clock, Engine, EvidenceStore, Processes
from core.decision.verdict import Action
from core.image.identity import Container

# How long a killed container's last process is waited for before that counts as a failure.
DEATH_SECONDS = 10.0
KERNEL_SECONDS = 1.0  # how long SIGKILL alone is waited for before the engine is asked, too


@dataclass(frozen=True, slots=True)
class ActionResult:
    """The outcome of an action. `gone_ns` is the wall clock, in nanoseconds since the epoch, at
    which no process of it was left (None: there may still be some)."""

    action: Action
    gone_ns: int | None
    took_ms: float
    evidence: str = ""
    error: str = ""
    removed: bool = False


@dataclass(slots=True)
class ContainerActions:
    """The jobs: look a container up, refuse it before it runs, or end it. `allow_derived` may
    change at any time."""

    engine: Engine
    processes: Processes
    evidence: EvidenceStore
    clock: Clock
    allow_derived: bool = False

    def inspect(self, container_id: str) -> Container | None:
        """The container with everything that its evaluation needs."""
        container = self.engine.container(container_id)
        return self.with_chain(container) if container else None

    def inspect_all(self) -> list[Container]:
        """All containers with everything that their evaluation needs."""
        return [self.with_chain(container) for container in self.engine.containers()]

    def with_chain(self, container: Container) -> Container:
        """The container with its layer chain, where this host accepts derived images."""
        if not self.allow_derived or container.image is None or container.image.chain:
            return container
        return replace(container, image=self.engine.chain(container.image))

    def refuse(self, container: Container, finding_id: str, *, remove: bool) -> ActionResult:
        """Capture evidence of a container that has not run, and remove it if asked to."""
        began = self.clock.monotonic()
        kept = self._capture(container, finding_id)
        error = ""
        try:
            if remove:
                self.engine.remove(container.id)
        except EngineUnavailable as failure:
            error = str(failure)
        died = None if error else self._now_ns()
        removed = remove and not error
        return ActionResult(Action.KILL, died, self._since(began), kept, error, removed)

    def end(
        self,
        container: Container,
        finding_id: str,
        *,
        action: Action,
        cgroup: str | None,
        stop_timeout: float,
        remove: bool,
    ) -> ActionResult:
        """Stop, kill or pause a running container, then keep evidence, then remove if asked to.

        A kill goes through the kernel first (it is faster) and then through the engine, so that
        its view is right and no restart policy brings the container back.
        """
        began = self.clock.monotonic()
        try:
            if action is Action.PAUSE:
                self.engine.pause(container.id)
                kept = self._capture(container, finding_id)
                return ActionResult(action, None, self._since(began), kept)
            if action is Action.STOP:
                self.engine.stop(container.id, stop_timeout)
                died = self._death(container, cgroup, DEATH_SECONDS)
            else:
                self.processes.kill(container.id, cgroup)
                # The engine may take long over a container that it is just starting.
                died = self._death(container, cgroup, KERNEL_SECONDS)
                self.engine.kill(container.id)
                died = died or self._death(container, cgroup, DEATH_SECONDS)
            gone = died is not None
            error = "" if gone else f"processes are left {DEATH_SECONDS:g} s after the {action}"
            kept = self._capture(container, finding_id)
            removed = remove and gone
            if removed:
                self.engine.remove(container.id)
            return ActionResult(action, died, self._since(began), kept, error, removed)
        except EngineUnavailable as failure:
            died = self._death(container, cgroup, 0.0)
            return ActionResult(action, died, self._since(began), error=str(failure))

    def _death(self, container: Container, cgroup: str | None, timeout: float) -> int | None:
        """When its last process was gone, waited for; None when some are left."""
        gone = self.processes.wait_empty(container.id, cgroup, timeout)
        return self._now_ns() if gone else None

    def _capture(self, container: Container, finding_id: str) -> str:
        try:
            found: Mapping[str, Any] = self.engine.evidence(container)
            return self.evidence.keep(finding_id, found)
        except (EngineUnavailable, SinkFailed) as failure:
            return f"none: {failure.message}"

    def _since(self, began: float) -> float:
        return (self.clock.monotonic() - began) * 1000

    def _now_ns(self) -> int:
        return int(self.clock.now().timestamp() * 1_000_000) * 1000
