"""Which containers there are, which are gone, and which to inspect again when.

What it must not know: verdicts and what comes of them. Every method runs on the loop's thread.
"""

from collections import OrderedDict

from agent.enforcement.tracked_container import TrackedContainer
from agent.log import get_logger
from agent.ports import Clock, Gate
from core.base_errors import DockwardenError
from core.decision.verdict import Action, EnforcementPoint

log = get_logger(__name__)

# Waits between attempts to look a container up while the engine does not answer, in seconds.
RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0)
# How many destroyed containers are remembered, for messages about them that come late.
MOST_TOMBSTONES = 10_000


class ContainerTable:
    """All tracked containers by ID; what is dropped from them is forgotten at the gate, too."""

    def __init__(self, clock: Clock, gate: Gate) -> None:
        self._clock = clock
        self._gate = gate
        self._retries: list[tuple[float, str]] = []
        self.entries: dict[str, TrackedContainer] = {}
        # Destroyed lately: what was decided about each, None if it was never evaluated.
        self.tombstones: OrderedDict[str, Action | None] = OrderedDict()

    def track(
        self, container_id: str, point: EnforcementPoint, *, claimed: str = "", name: str = ""
    ) -> TrackedContainer:
        """The tracked container, added now if it is new."""
        tracked = self.entries.get(container_id)
        if tracked is None:
            tracked = TrackedContainer(container_id, self._clock.monotonic(), point, claimed, name)
            self.entries[container_id] = tracked
        return tracked

    def forget(self, tracked: TrackedContainer) -> None:
        """Forget a container that no longer exists."""
        self.entries.pop(tracked.id, None)
        self.tombstones[tracked.id] = tracked.action if tracked.decision else None
        while len(self.tombstones) > MOST_TOMBSTONES:
            self.tombstones.popitem(last=False)
        self._gate.forget(tracked.id)

    def running(self) -> int:
        """How many containers run, as far as is known."""
        return sum(tracked.live for tracked in self.entries.values())

    @property
    def idle(self) -> bool:
        """Whether every container is evaluated and nothing about any is under way."""
        return all(
            tracked.idle and tracked.decision is not None for tracked in self.entries.values()
        )

    def inspect_later(self, tracked: TrackedContainer, error: DockwardenError) -> None:
        """The engine could not report on it, or act on it: it is `due` after a growing wait."""
        if tracked.attempts == 0:
            log.warning("container.not_looked_up", container=tracked.id[:12], error=str(error))
        wait = RETRY_SECONDS[min(tracked.attempts, len(RETRY_SECONDS) - 1)]
        tracked.attempts += 1
        self._retries.append((self._clock.monotonic() + wait, tracked.id))

    def due(self) -> list[TrackedContainer]:
        """Those whose wait is over; each is returned once."""
        now = self._clock.monotonic()
        due = [container_id for when, container_id in self._retries if when <= now]
        self._retries = [(when, cid) for when, cid in self._retries if when > now]
        return [tracked for container_id in due if (tracked := self.entries.get(container_id))]
