"""A whole agent without threads: the control loops on a simulated host, each step chosen by tests.

`drain` delivers until nothing is left, in an order that the caller may choose (see delivery.py).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agent.api.status_view import Memory, StatusView
from agent.enforcement.circuit_breaker import CircuitBreaker, CircuitBreakerLimits
from agent.enforcement.connection import Connection
from agent.enforcement.container_actions import ContainerActions
from agent.enforcement.container_findings import ContainerFindings
from agent.enforcement.enforce import Enforcer, Services
from agent.enforcement.enforcement_policy import Policy
from agent.enforcement.rescan import Rescanner
from agent.lockdown.layer_state import RevertLimits
from agent.lockdown.reconcile import Reconciler
from agent.policy.list_loader import ListKeeper
from agent.ports import (
    STREAM,
    CgroupCreated,
    EngineEvent,
    GateDecision,
    GateMessage,
    GateState,
    HoldEnded,
    Layer,
    TrustedList,
)
from agent.reporting.recorder import Recorder
from core.base_errors import DockwardenError
from core.decision.verdict import (
    DEFAULT_ENFORCE,
    Action,
    ActionTable,
    EnforcementPoint,
    Mode,
    Verdict,
)
from core.findings.finding import Finding, Kind
from core.ids import new_id
from core.image.identity import ImageIdentity
from tests.control.fake_host import ROOT, FakeHost
from tests.control.fake_queues import Chooser, FakeQueues, first_come
from tests.core.build import image
from tests.fakes.clock import FakeClock
from tests.fakes.gate import FakeGate
from tests.fakes.processes import FakeProcesses, MemoryEvidence
from tests.fakes.sink import FakeSink

UP = "stream up"
LIMITS = CircuitBreakerLimits(kills=10, seconds=60.0, share=0.5)
REVERT_LIMITS = RevertLimits(heals=3, seconds=60.0)
LOOK_SECONDS = 60.0  # between two looks at all layers


@dataclass(slots=True)
class Rig:
    """See the module. `working` False: a host whose gate cannot stand."""

    mode: Mode = Mode.ENFORCE
    actions: dict[Verdict, Action] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    limits: CircuitBreakerLimits = LIMITS
    working: bool = True
    on_timeout: GateDecision = GateDecision.THAW
    trusted: TrustedList | DockwardenError | None = None
    watched_since: datetime | None = None
    layers: Sequence[Layer] = ()
    healing: Callable[[str, bool], None] = lambda _name, _on: None
    host: FakeHost = field(default_factory=FakeHost)
    remembered: list[TrustedList] = field(default_factory=list)
    sink: FakeSink = field(default_factory=FakeSink)
    memory: Memory = field(default_factory=Memory)
    _serial: int = 0
    _connected: bool = False
    post: FakeQueues = field(init=False)
    gate: FakeGate = field(init=False)
    processes: FakeProcesses = field(init=False)
    evidence: MemoryEvidence = field(init=False)
    enforcer: Enforcer = field(init=False)
    rescanner: Rescanner = field(init=False)
    lists: ListKeeper = field(init=False)
    connection: Connection = field(init=False)
    reconciler: Reconciler = field(init=False)

    def __post_init__(self) -> None:
        policy = self._policy()
        freeze = self.mode is Mode.ENFORCE and EnforcementPoint.GATE in policy.enforcement_points
        self.post = FakeQueues(
            self.host,
            self.clock,
            on_stream=self._handle_stream,
            on_gate=self._handle_gate,
            notice=self._notice,
        )
        self.gate = FakeGate(
            self.host, self.post.gate_said.append, freeze=freeze, on_timeout=self.on_timeout
        )
        self.processes, self.evidence = FakeProcesses(self.host), MemoryEvidence()
        actions = ContainerActions(
            self.host, self.processes, self.evidence, self.clock, policy.allow_derived
        )
        finding_factory = ContainerFindings.of(policy, self.clock, self._new_id)
        services = Services(
            actions, self.gate, self.processes, self.post, self.clock, finding_factory, self._emit
        )
        self.enforcer = Enforcer(policy, services, CircuitBreaker(self.limits))
        self.rescanner = Rescanner(self.enforcer, watched_since=self.watched_since)
        self.lists = ListKeeper(
            self.enforcer,
            self.rescanner,
            load=self._load,
            last_good=lambda: self.remembered[-1] if self.remembered else None,
            remember=self.remembered.append,
        )
        self.connection = Connection(
            self.enforcer, self.rescanner, ask=self.host.info, root=ROOT, moved=lambda _root: None
        )
        self.reconciler = Reconciler(
            self.layers,
            mend=self.mode is Mode.ENFORCE,
            limits=REVERT_LIMITS,
            period=LOOK_SECONDS,
            work=self.post,
            clock=self.clock,
            finding_factory=finding_factory,
            emit=self._emit,
            healing=self.healing,
            always_restored=frozenset({"firewall"}),
        )
        self.host.hub.listeners.append(self._heard)

    def _policy(self) -> Policy:
        table = ActionTable({**DEFAULT_ENFORCE, **self.actions})
        return Policy(self.mode, table, host="h1", **self.settings)

    @property
    def clock(self) -> FakeClock:
        """The one clock of host and agent."""
        assert isinstance(self.host.clock, FakeClock)
        return self.host.clock

    # The agent's life.

    def begin(self) -> "Rig":
        """Start as the daemon does, and deliver all."""
        self.boot()
        return self.drain()

    def boot(self) -> None:
        """Start as the daemon does; nothing is delivered yet."""
        self.lists.load_first()
        if self.working:
            self.gate.start()
        self.connect()

    def connect(self, since_ns: int | None = None) -> None:
        """The event stream opens; replayed from `since_ns` (inclusive)."""
        self._connected = True
        self.post.stream.append(UP)
        if since_ns is not None:
            self.post.stream.extend(e for e in self.host.hub.memory if e.time_ns >= since_ns)

    def disconnect(self) -> None:
        """The event stream ends; what happens from now on is missed."""
        if self._connected:
            self._connected = False
            self.post.stream.append("the engine closed the event stream")

    def say(self, note: str) -> None:
        """The stream says something of itself."""
        self.post.stream.append(EngineEvent(STREAM, note, "", 0))

    def adopt(self, trusted: TrustedList | DockwardenError) -> None:
        """The list's file changed."""
        self.trusted = trusted
        self.lists.load()

    def tick(self, seconds: float = 0.0) -> None:
        """Time passes, and the loop looks at the clock."""
        self.clock.advance(seconds)
        self.enforcer.evaluator.retry_due()
        self.rescanner.tick()
        self.lists.tick()
        self.reconciler.tick()

    # Delivery.

    def ready(self) -> list[str]:
        """The producers that have something."""
        return self.post.ready()

    def step(self, producer: str, number: int = 0) -> bool:
        """Deliver one message, or run one job (see `FakeQueues.step`)."""
        return self.post.step(producer, number)

    def drain(self, choose: Chooser = first_come) -> "Rig":
        """Deliver everything, and all that comes of it."""
        self.post.drain(choose)
        return self

    def rest(self, choose: Chooser = first_come) -> "Rig":
        """Deliver everything and let time pass until nothing more comes of it."""
        for _ in range(8):
            self.drain(choose)
            for container_id in list(self.gate.held):
                self.gate.timeout(container_id)
            self.tick(10.0)
        return self.drain(choose)

    # What tests look at.

    @property
    def findings(self) -> list[Finding]:
        """All that was recorded."""
        return self.sink.findings

    @property
    def violations(self) -> list[Finding]:
        """The findings about containers."""
        return [finding for finding in self.findings if finding.kind is Kind.VIOLATION]

    def about(self, name: str) -> list[Finding]:
        """The findings about the container of this name."""
        return [f for f in self.violations if f.container and f.container.name == name]

    def events_of(self, kind: Kind) -> list[str]:
        """The names of what happened, for one kind of finding."""
        return [finding.event for finding in self.findings if finding.kind is kind]

    def status_view(self) -> StatusView:
        """What the control socket would answer."""
        recorder = Recorder(
            self.sink, [], complete=lambda f: f, kept=lambda _: None, crashed=lambda _: None
        )
        return StatusView(
            self.enforcer,
            self.lists,
            self.rescanner,
            self.connection,
            recorder,
            self.reconciler,
            self.memory,
            self.clock.now(),
        )

    # The host.

    def image(self, name: str, chain: Sequence[str] = ()) -> ImageIdentity:
        """Load an image whose reference is its name."""
        return self.host.load_image(image(name, chain=tuple(chain)), name)

    def start(self, reference: str, name: str, **options: Any) -> str:
        """`docker run -d` of an image that is loaded if need be; nothing is delivered."""
        if reference not in self.host.images:
            self.image(reference)
        return self.host.run(reference, name, **options)

    def run(self, reference: str, name: str, **options: Any) -> str:
        """`docker run -d`: created, all delivered, started, all delivered."""
        container_id = self.create(reference, name, **options)
        self.drain()
        self.host.start(container_id)
        self.drain()
        return container_id

    def create(self, reference: str, name: str, **options: Any) -> str:
        """`docker create`; nothing is delivered."""
        if reference not in self.host.images:
            self.image(reference)
        return self.host.create(reference, name, **options)

    # Inside

    def _heard(self, event: EngineEvent) -> None:
        if self._connected:
            self.post.stream.append(event)

    def _handle_stream(self, message: EngineEvent | str) -> None:
        if message == UP:
            self.connection.up()
            self.reconciler.check()
        elif isinstance(message, str):
            self.connection.down(message)
        elif message.type == STREAM:
            self.rescanner.rescan(f"stream {message.action}")
        else:
            self.enforcer.on_event(message)

    def _handle_gate(self, message: GateMessage) -> None:
        match message:
            case CgroupCreated():
                self.enforcer.gate_handler.on_cgroup_created(message)
            case HoldEnded():
                self.enforcer.gate_handler.on_hold_ended(message)
            case GateState():
                self.enforcer.gate_handler.on_gate_state(message)

    def _notice(self) -> None:
        self.gate.notice_ends()

    def _load(self) -> TrustedList:
        if self.trusted is None:
            raise DockwardenError("there is no list")
        if isinstance(self.trusted, DockwardenError):
            raise self.trusted
        return self.trusted

    def _emit(self, finding: Finding) -> None:
        self.sink.record([finding])
        self.memory.add(finding)

    def _new_id(self) -> str:
        self._serial += 1
        return new_id(self.clock.now(), self._serial.to_bytes(8, "big"))
