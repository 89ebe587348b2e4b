"""Which containers there are, which are gone, and whom to look at again when.

What it must not know: verdicts and what comes of them. Every method runs on the loop's thread.
"""

from collections import OrderedDict

from agent.control.case import Case
from agent.domain.errors import DockwardenError
from agent.domain.verdict import Net
from agent.log import get_logger
from agent.ports import Clock, Gate

log = get_logger(__name__)

# Waits between attempts to look a container up while the engine does not answer, in seconds.
RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0)
# How many destroyed containers are remembered, for messages about them that come late.
BURIED = 10_000


class Casebook:
    """All cases by container ID; what is dropped from them is forgotten at the gate, too."""

    def __init__(self, clock: Clock, gate: Gate) -> None:
        self._clock = clock
        self._gate = gate
        self._retries: list[tuple[float, str]] = []
        self.cases: dict[str, Case] = {}
        self.buried: OrderedDict[str, None] = OrderedDict()  # destroyed of late

    def case(self, container_id: str, net: Net, *, claimed: str = "", name: str = "") -> Case:
        """The container's case, opened now if it is new."""
        case = self.cases.get(container_id)
        if case is None:
            case = Case(container_id, self._clock.monotonic(), net, claimed, name)
            self.cases[container_id] = case
        return case

    def drop(self, case: Case) -> None:
        """Forget a container that no longer exists."""
        self.cases.pop(case.id, None)
        self.buried[case.id] = None
        while len(self.buried) > BURIED:
            self.buried.popitem(last=False)
        self._gate.forget(case.id)

    def running(self) -> int:
        """How many containers run, as far as is known."""
        return sum(case.live for case in self.cases.values())

    @property
    def idle(self) -> bool:
        """Whether every container is judged and nothing about any is under way."""
        return all(case.idle and case.decision is not None for case in self.cases.values())

    def look_later(self, case: Case, error: DockwardenError) -> None:
        """The engine could not tell of it, or act on it: it is `due` after a growing wait."""
        if case.attempts == 0:
            log.warning("container.not_looked_up", container=case.id[:12], error=str(error))
        wait = RETRY_SECONDS[min(case.attempts, len(RETRY_SECONDS) - 1)]
        case.attempts += 1
        self._retries.append((self._clock.monotonic() + wait, case.id))

    def due(self) -> list[Case]:
        """Those whose wait is over; each is told once."""
        now = self._clock.monotonic()
        due = [container_id for when, container_id in self._retries if when <= now]
        self._retries = [(when, cid) for when, cid in self._retries if when > now]
        return [case for container_id in due if (case := self.cases.get(container_id))]
