"""A cgroup gate over the simulated host; it settles at once what the real one settles in ms."""

from collections.abc import Callable

from agent.ports import (
    CgroupCreated,
    GateDecision,
    GateMessage,
    GateOrders,
    GateState,
    HoldEnded,
)
from tests.fakes.host import FakeHost, Fate


class FakeGate:
    """`ports.Gate`. `held` is what is frozen now; the first answer to a hold counts.

    `freeze` False only watches. `timeout` stands for the end of a hold's time, `fall` and `stand`
    for the death of the gate's process and its successor, which finds what is still frozen.
    """

    def __init__(
        self,
        host: FakeHost,
        sink: Callable[[GateMessage], None],
        *,
        freeze: bool = True,
        on_timeout: GateDecision = GateDecision.THAW,
    ) -> None:
        self._host, self._sink = host, sink
        self._freeze, self._on_timeout = freeze, on_timeout
        self._admitted: set[str] = set()
        self._refused: set[str] = set()
        self._decisions: dict[str, GateDecision] = {}
        self._paths: dict[str, str] = {}
        self.held: dict[str, float] = {}
        self.working = False
        host.born = self._born

    def start(self) -> None:
        """See `ports.Gate`."""
        self.stand()

    def admit(self, container_id: str) -> None:
        """See `ports.Gate`; thaws it if it is held."""
        self._refused.discard(container_id)
        self._admitted.add(container_id)
        self._answer(container_id, GateDecision.THAW)

    def refuse(self, container_id: str) -> None:
        """See `ports.Gate`; kills it if it is held."""
        self._admitted.discard(container_id)
        self._refused.add(container_id)
        self._answer(container_id, GateDecision.KILL)

    def rule(self, container_id: str, decision: GateDecision) -> None:
        """See `ports.Gate`; kept for the next gate if this one fell."""
        if container_id in self.held:
            self._decisions.setdefault(container_id, decision)
        self._answer(container_id, decision)

    def forget(self, container_id: str | None = None) -> None:
        """See `ports.Gate`."""
        for said in (self._admitted, self._refused):
            said.intersection_update(() if container_id is None else said - {container_id})

    def configure(self, orders: GateOrders) -> None:
        """See `ports.Gate`."""
        self._freeze, self._on_timeout = orders.freeze, orders.on_timeout

    def cgroup(self, container_id: str) -> str | None:
        """See `ports.Gate`."""
        return self._paths.get(container_id)

    def close(self) -> None:
        """See `ports.Gate`."""
        for container_id in list(self.held):
            self.timeout(container_id)
        self.working = False

    # What befalls it.

    def timeout(self, container_id: str) -> None:
        """Nobody answered in time."""
        if container_id in self.held:
            self._settle(container_id, self._on_timeout, unanswered=True)

    def fall(self, reason: str = "its process was killed") -> None:
        """It dies; what it held stays frozen."""
        if self.working:
            self.working = False
            self._sink(GateState(False, reason))

    def stand(self) -> None:
        """It stands (again): first it reports what it found frozen."""
        if self.working:
            return
        self.working = True
        self.notice_ends()
        for container_id in list(self.held):
            self._tell_created(container_id, held=True)
            if decision := self._known_answer(container_id):
                self._settle(container_id, decision)
        self._sink(GateState(True))

    def notice_ends(self) -> None:
        """Cgroups of held containers that are gone: the engine went down or removed them."""
        for container_id in list(self.held):
            one = self._host.known.get(container_id)
            if self.working and (one is None or not one.held):
                self._settle(container_id, GateDecision.LEAVE, unanswered=True)

    def hold_paused(self, container_id: str) -> None:
        """It finds one frozen by people's own pause and cannot know that."""
        self.held[container_id] = self._host.clock.monotonic()
        self._tell_created(container_id, held=True)

    # Inside

    def _born(self, container_id: str) -> Fate:
        if not self.working:
            return Fate.RUN
        self.notice_ends()
        if not self._freeze or container_id in self._admitted:
            self._tell_created(container_id, held=False)
            return Fate.RUN
        self.held[container_id] = self._host.clock.monotonic()
        self._tell_created(container_id, held=True)
        if container_id in self._refused:
            self._settle(container_id, GateDecision.KILL)
            return Fate.KILL
        return Fate.HOLD

    def _tell_created(self, container_id: str, *, held: bool) -> None:
        path = self._paths[container_id] = f"/docker/{container_id}"
        created_ns = int(self._host.clock.monotonic() * 1e9)
        self._sink(CgroupCreated(container_id, path, held, created_ns))

    def _known_answer(self, container_id: str) -> GateDecision | None:
        if container_id in self._decisions:
            return self._decisions[container_id]
        if container_id in self._refused:
            return GateDecision.KILL
        return GateDecision.THAW if container_id in self._admitted else None

    def _answer(self, container_id: str, decision: GateDecision) -> None:
        if self.working and container_id in self.held:
            self._settle(container_id, decision)

    def _settle(
        self, container_id: str, decision: GateDecision, *, unanswered: bool = False
    ) -> None:
        held_ms = (self._host.clock.monotonic() - self.held.pop(container_id)) * 1000
        self._decisions.pop(container_id, None)
        if decision is GateDecision.THAW:
            self._host.thaw(container_id)
        elif decision is GateDecision.KILL:
            self._host.kernel_kill(container_id)
        self._sink(HoldEnded(container_id, decision, held_ms, unanswered))
