"""What is known about one container and under way; owned by the enforcement loop."""

from dataclasses import dataclass, replace

from agent.enforcement.container_actions import ActionResult
from core.decision.decision import Decision
from core.decision.verdict import Action, EnforcementPoint
from core.image.identity import Container, ContainerState

# A failed start leaves a container created, if it never ran before.
_FRESH = (ContainerState.CREATED, ContainerState.REMOVING, ContainerState.UNKNOWN)
OVER = (ContainerState.EXITED, ContainerState.DEAD)
# How far before the end of an ended container a late start event of it may lie. More is a clock
# that was set, and no reason to ignore a start.
_LATE_NS = 60_000_000_000


@dataclass(frozen=True, slots=True)
class PendingAction:
    """The decision for an action on a container, and the finding that will report it."""

    finding_id: str
    decision: Decision


@dataclass(slots=True)
class TrackedContainer:
    """One container from its first sign to its removal.

    An *occurrence* is its creation with its first run, then each later run, or attempt at one.
    `seen_at` is in monotonic seconds; `started_ns` in nanoseconds since the epoch by the engine's
    clock, None while it does not run. `claimed` and `name` are what events said people typed.
    """

    id: str
    seen_at: float
    seen_by: EnforcementPoint  # by which it was first seen
    claimed: str = ""
    name: str = ""
    container: Container | None = None
    decision: Decision | None = None
    action: Action = Action.ALLOW
    evaluated_at: EnforcementPoint = (
        EnforcementPoint.RESCAN
    )  # by which its present verdict came to be carried out
    breaker_open: bool = False
    started_ns: int | None = None
    ran_ns: int | None = 0  # how long the occurrence's runs before this one took; None: unknown
    began_ns: int | None = None  # when its last run started, also after its end
    before_ns: int | None = 0  # as ran_ns, when that run started
    ended: bool = False  # a run of it is over
    has_run: bool = False  # at some time: it may hold data that somebody wants
    concluded_ns: int | None = None  # up to when (as started_ns) its runs are dealt with
    reported_state: ContainerState | None = None  # its state by the events
    state_changes: int = 0  # how many events changed its state
    inspecting: bool = False  # being looked up
    acting: bool = False  # a job on it is under way
    held: bool = False  # frozen at the gate, waiting for a decision
    at_gate: bool = False  # in the gate's hands, until it says HoldEnded
    caught_at_gate: bool = False
    missing_since: float | None = None  # not listed any more (monotonic seconds)
    gone: bool = False  # the engine destroyed it
    removed: bool = False  # by us
    was_let_run: bool = False  # this run began before it could be evaluated, or with our permission
    evaluated: bool = False  # in this occurrence, and not just undetermined
    reported: bool = False  # in this occurrence
    failed: bool = False  # acting on it failed, and that was reported
    attempts: int = 0
    result: tuple[PendingAction, ActionResult] | None = (
        None  # waiting for the gate's or the engine's last word
    )

    @property
    def live(self) -> bool:
        """Whether its processes exist, as far as is known."""
        state_live = self.container is not None and self.container.state.is_live
        return self.started_ns is not None or state_live

    @property
    def ran(self) -> bool:
        """Whether its user code is known to have run in this occurrence."""
        return self.started_ns is not None or self.ran_ns != 0

    @property
    def idle(self) -> bool:
        """Whether nothing about it is under way."""
        return not (self.inspecting or self.acting or self.at_gate)

    @property
    def is_paused(self) -> bool:
        """Whether the engine itself froze it."""
        return self.container is not None and self.container.state is ContainerState.PAUSED

    def is_over(self, time_ns: int) -> bool:
        """Whether an event of that time belongs to a run that was dealt with already."""
        done = self.concluded_ns
        return self.removed or (done is not None and 0 <= done - time_ns < _LATE_NS)

    def started(self, time_ns: int) -> None:
        """The engine began to run it."""
        if not self._occurs_again() and self.started_ns is not None:
            self.ran_ns = None  # the end of the run before was missed
        self.ended, self.has_run = False, True
        self.began_ns, self.before_ns = time_ns, self.ran_ns
        self.moved(ContainerState.RUNNING)
        self.started_ns = time_ns

    def attempted(self, *, is_new: bool) -> None:
        """It is held at the gate: a start that may never come to be. If the run before was to be
        ended and the engine could not say whether it was, a new cgroup proves it."""
        if is_new and self.failed and self.live:
            self.moved(ContainerState.EXITED)
        if self._occurs_again():
            self.ended = False

    def _occurs_again(self) -> bool:
        """Begin another occurrence, if the one before is over and dealt with."""
        over = self.ended or self.started_ns is not None
        over = over or (self.container is not None and self.container.state in OVER)
        if not over or self.decision is None or self.acting:
            return False
        self.ran_ns = 0
        self.reported = self.evaluated = self.was_let_run = self.failed = False
        return True

    def died(self, time_ns: int) -> None:
        """The run is over."""
        if self.started_ns is not None and self.ran_ns is not None:
            self.ran_ns += max(time_ns - self.started_ns, 1)
        elif self.container is not None and self.container.state.is_live:
            self.ran_ns = None  # its start was missed
        self.ended = self.has_run = True
        self.moved(ContainerState.EXITED)

    def moved(self, state: ContainerState) -> None:
        """It is in another state now."""
        self.state_changes += 1
        self.reported_state = state
        if not state.is_live:
            self.ended = self.ended or self.started_ns is not None
            self.started_ns, self.was_let_run = None, False
        if self.container is not None:
            self.container = replace(self.container, state=state)

    def seen(self, container: Container, state_changes: int) -> None:
        """The engine showed it; asked when `state_changes` was the count. What events said since
        is newer or will be followed by what is."""
        if self.reported_state is not None and state_changes != self.state_changes:
            container = replace(container, state=self.reported_state)
        self.has_run = self.has_run or container.state not in _FRESH
        if self.started_ns is not None and not container.state.is_live:
            self.ran_ns = None  # its end was missed
            self.moved(container.state)
        self.container = container

    def renamed(self, name: str) -> None:
        """Its name changed; its identity does not."""
        self.name = name
        if self.container is not None:
            self.container = replace(self.container, name=name)
