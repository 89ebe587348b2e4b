"""What is known and in hand about one container; owned by the enforcement loop."""

from dataclasses import dataclass, replace

from agent.control.acts import Deed
from agent.domain.decision import Decision
from agent.domain.identity import Container, ContainerState
from agent.domain.verdict import Action, Net


@dataclass(slots=True)
class Case:
    """One container from its first sign to its removal.

    `seen_at` is in monotonic seconds; `started_ns` in nanoseconds since the epoch by the engine's
    clock, None while it does not run. `claimed` and `name` are what events said people typed.
    """

    id: str
    seen_at: float
    net: Net  # by which it was first seen
    claimed: str = ""
    name: str = ""
    container: Container | None = None
    decision: Decision | None = None
    action: Action = Action.ALLOW
    judged_by: Net = Net.SWEEP  # by which its present verdict came to be carried out
    braked: bool = False
    started_ns: int | None = None
    looking: bool = False  # being looked up
    acting: bool = False  # a job on it is under way
    held: bool = False  # frozen at the gate, waiting for a ruling
    at_gate: bool = False  # in the gate's hands, until it says Settled
    caught_at_gate: bool = False
    gone: bool = False  # the engine destroyed it
    reported: bool = False  # in this run of it
    attempts: int = 0
    deed: tuple[str, Deed] | None = None  # finding id and result, waiting for the gate's word

    @property
    def live(self) -> bool:
        """Whether its processes exist, as far as is known."""
        state_live = self.container is not None and self.container.state.is_live
        return self.started_ns is not None or state_live

    @property
    def idle(self) -> bool:
        """Whether nothing about it is under way."""
        return not (self.looking or self.acting or self.at_gate)

    def moved(self, state: ContainerState) -> None:
        """The engine said it is in another state."""
        if state in (ContainerState.EXITED, ContainerState.CREATED):
            self.started_ns = None
            self.reported = False
        if self.container is not None:
            self.container = replace(self.container, state=state)

    def renamed(self, name: str) -> None:
        """Its name changed; its identity does not."""
        self.name = name
        if self.container is not None:
            self.container = replace(self.container, name=name)
