"""A simulated container host: containers, images, events, restart policies, hangs and crashes.

Everything happens on the calling thread and in a fixed order. `born` is where a gate attaches:
it is called with a container's ID as its cgroup appears and answers with the `Fate`. The engine's
API over it is in `tests/fakes/engine.py`.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from agent.errors import EngineUnavailable
from agent.ports import Clock, EngineEvent
from core.image.digest import Digest, chain_ids
from core.image.identity import ContainerState, ImageIdentity
from tests.fakes.clock import FakeClock
from tests.fakes.events import EventHub, FakeEvents


class Fate(Enum):
    """What becomes of a container whose cgroup just appeared."""

    RUN = "run"
    HOLD = "hold"  # frozen before its first instruction, until `thaw` or `kernel_kill`
    KILL = "kill"  # killed before its first instruction


@dataclass(slots=True)
class Simulated:
    """One container. `ran` counts how often its user code began to run."""

    id: str
    name: str
    image: ImageIdentity | None
    reference: str
    labels: Mapping[str, str]
    restart: bool
    dies_at_once: bool
    created_at: datetime
    state: ContainerState = ContainerState.CREATED
    held: bool = False
    ran: int = 0
    stopped_by_hand: bool = False


@dataclass(slots=True)
class FakeHost:
    """A host; by its methods people, the kernel and fate act on it.

    `readable_files`: `container` answers while the engine does not, from its files. `patience`
    is for how many real seconds an act waits for a container held at its start (the engine's
    lock) before it gives up.
    """

    clock: Clock = field(default_factory=FakeClock)
    containerd_store: bool = False
    live_restore: bool = False
    readable_files: bool = True
    patience: float = 0.05
    born: Callable[[str], Fate] = lambda _id: Fate.RUN
    up: bool = True
    hung: bool = False
    hub: EventHub = field(default_factory=EventHub)
    known: dict[str, Simulated] = field(default_factory=dict)
    images: dict[str, ImageIdentity] = field(default_factory=dict)
    _chains: dict[Digest, tuple[Digest, ...]] = field(default_factory=dict)
    _ever_ran: set[str] = field(default_factory=set)
    _serial: int = 0
    _last_ns: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    # What tests look at.

    @property
    def live(self) -> set[str]:
        """Names of the containers whose processes exist, frozen ones too."""
        states = (ContainerState.RUNNING, ContainerState.PAUSED)
        return {one.name for one in self.known.values() if one.state in states or one.held}

    @property
    def ran(self) -> set[str]:
        """Names of all containers, removed ones too, whose user code ran."""
        return set(self._ever_ran)

    @property
    def names(self) -> set[str]:
        """Names of all containers that exist."""
        return {one.name for one in self.known.values()}

    def id_of(self, name: str) -> str:
        """The ID of the container of that name."""
        return next(one.id for one in self.known.values() if one.name == name)

    def events(self) -> FakeEvents:
        """A new event stream of this engine."""
        return FakeEvents(self.hub, self._require_answer)

    # What people do.

    def load_image(
        self, identity: ImageIdentity, *references: str, diff_ids: Sequence[Digest] = ()
    ) -> ImageIdentity:
        """Load an image and give it names; `diff_ids` are its uncompressed layers."""
        self._chains[identity.image_id] = chain_ids(diff_ids)
        self._emit("image", "load", str(identity.image_id))
        for reference in references:
            self.tag(reference, identity)
        return identity

    def tag(self, reference: str, identity: ImageIdentity) -> None:
        """Let a reference mean this image from now on."""
        self.images[reference] = identity
        self._emit("image", "tag", str(identity.image_id), name=reference)

    def delete_image(self, reference: str) -> None:
        """Remove a name; containers keep what they were made from."""
        identity = self.images.pop(reference)
        self._emit("image", "untag", str(identity.image_id), name=reference)

    def create(
        self,
        reference: str,
        name: str,
        *,
        labels: Mapping[str, str] | None = None,
        restart: bool = False,
        dies_at_once: bool = False,
    ) -> str:
        """`docker create`; returns the ID. Raises `KeyError` for an unknown image. An empty
        reference makes a container without an image, as the real API does."""
        image = self.images[reference] if reference else ImageIdentity(Digest.of(b""))
        self._serial += 1
        container_id = Digest.of(f"container {self._serial}".encode()).hex
        self.known[container_id] = Simulated(
            container_id,
            name,
            image,
            reference,
            labels or {},
            restart,
            dies_at_once,
            self.clock.now(),
        )
        self._emit_of(container_id, "create")
        return container_id

    def start(self, container_id: str) -> None:
        """`docker start`; nothing happens when something removed the container meanwhile."""
        one = self.known.get(container_id)
        if one is None or one.held or one.state in (ContainerState.RUNNING, ContainerState.PAUSED):
            return
        one.stopped_by_hand = False
        fate = self.born(container_id)
        if fate is Fate.HOLD:
            one.held = True
        elif fate is Fate.KILL:
            self._fail(one)  # a failed start emits neither start nor die
        else:
            self._begin(one)

    def run(self, reference: str, name: str, **options: Any) -> str:
        """`docker run -d`; takes what `create` takes and returns the ID."""
        container_id = self.create(reference, name, **options)
        self.start(container_id)
        return container_id

    def rename(self, container_id: str, name: str) -> None:
        """`docker rename`."""
        self.known[container_id].name = name
        self._emit_of(container_id, "rename")

    def unpause(self, container_id: str) -> None:
        """`docker unpause`."""
        self.known[container_id].state = ContainerState.RUNNING
        self._emit_of(container_id, "unpause")

    def exit(self, container_id: str) -> None:
        """The container's own process ends."""
        self._die(self.known[container_id])

    def restart_due(self) -> None:
        """The restart policy's pause is over: start what waits for it."""
        for one in list(self.known.values()):
            if one.state is ContainerState.RESTARTING:
                self.start(one.id)

    # What the kernel and the gate do.

    def thaw(self, container_id: str) -> None:
        """Let a held container run."""
        if (one := self.known.get(container_id)) and one.held:
            one.held = False
            self._begin(one)
            self._changed()

    def kernel_kill(self, container_id: str) -> bool:
        """SIGKILL past the engine; True when there was a process."""
        one = self.known.get(container_id)
        if one is None or one.name not in self.live:
            return False
        if one.held:
            one.held = False
            self._fail(one)
        else:
            self._die(one)
        self._changed()
        return True

    # What befalls the engine.

    def hang(self) -> None:
        """SIGSTOP: it answers nobody, its streams stay open and silent."""
        self.hung = True

    def resume(self) -> None:
        """SIGCONT."""
        self.hung = False

    def crash(self) -> None:
        """SIGKILL of the engine: streams end, containers run on."""
        self.up = self.hung = False
        self.hub.end(forget=True)

    def restart(self, *, live_restore: bool | None = None) -> None:
        """Stop it (if it is up) and start it: what survives does so without an event; the rest
        dies, and what has a restart policy starts before anybody can listen."""
        self.crash()
        if not (self.live_restore if live_restore is None else live_restore):
            lived = [one for one in self.known.values() if one.name in self.live]
            for one in lived:
                one.held, one.state = False, ContainerState.EXITED
            for one in lived:
                if one.restart:
                    self.start(one.id)
        self.up = True

    # Inside

    def _begin(self, one: Simulated) -> None:
        one.state = ContainerState.RUNNING
        one.ran += 1
        self._ever_ran.add(one.name)
        self._emit_of(one.id, "start")
        if one.dies_at_once:
            self._die(one)

    def _fail(self, one: Simulated) -> None:
        one.state = ContainerState.EXITED if one.ran else ContainerState.CREATED

    def _die(self, one: Simulated) -> None:
        if one.state not in (ContainerState.RUNNING, ContainerState.PAUSED):
            return
        again = one.restart and not one.stopped_by_hand
        one.state = ContainerState.RESTARTING if again else ContainerState.EXITED
        self._emit_of(one.id, "die")

    def _changed(self) -> None:
        with self.hub.changed:
            self.hub.changed.notify_all()

    def _require_answer(self) -> None:
        if not self.up:
            raise EngineUnavailable("the engine cannot be reached", hint="systemctl status docker")
        if self.hung:
            raise EngineUnavailable("the engine does not answer in time")

    def _emit_of(self, container_id: str, action: str) -> None:
        one = self.known[container_id]
        self._emit("container", action, container_id, image=one.reference, name=one.name)

    def _emit(self, kind: str, action: str, actor: str, *, image: str = "", name: str = "") -> None:
        with self._lock:
            self._last_ns = max(
                self._last_ns + 1000, int(self.clock.now().timestamp() * 1e6) * 1000
            )
            self.hub.emit(EngineEvent(kind, action, actor, self._last_ns, image, name))
