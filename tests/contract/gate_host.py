"""What the gate's contract needs from a host, simulated or real."""

import os
import signal
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from agent.adapters.cgroup_gate import CgroupGate
from agent.ports import CgroupCreated, Gate, GateDecision, GateMessage, GateState, HoldEnded
from core.image.digest import Digest
from core.image.identity import ImageIdentity
from tests.fakes.gate import FakeGate
from tests.fakes.host import FakeHost
from tests.gate.fake_containers import FakeContainer, FakeContainers
from tests.patience import PATIENCE

M = TypeVar("M", CgroupCreated, HoldEnded, GateState)


class GateHost(Protocol):
    """A host and the gate over it."""

    gate: Gate
    heard: list[GateMessage]

    def create(self) -> str:
        """A container that has not started; returns its ID."""
        ...

    def start(self, container_id: str) -> None: ...

    def ran(self, container_id: str) -> bool:
        """Whether its user code ran."""
        ...

    def lives(self, container_id: str) -> bool:
        """Whether its processes exist, frozen or not."""
        ...

    def time_is_up(self, container_id: str) -> None:
        """Nobody answered for as long as a hold lasts."""
        ...

    def lose_gate_while(self, act: Callable[[], None]) -> None:
        """The gate dies, something is done meanwhile, and the gate works again."""
        ...


def hear(gate_host: GateHost, kind: type[M], container_id: str = "", nth: int = 1) -> M:
    """The nth message of a kind (about a container); waits for it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        heard = [
            message
            for message in list(gate_host.heard)
            if isinstance(message, kind)
            and (isinstance(message, GateState) or message.container_id == container_id)
        ]
        if len(heard) >= nth:
            return heard[nth - 1]
        assert time.monotonic() < deadline, f"no {kind.__name__} {nth}: {gate_host.heard}"
        time.sleep(0.002)


class FakeGateHost:
    """The simulated host."""

    def __init__(self, *, freeze: bool, on_timeout: GateDecision, hold_seconds: float) -> None:
        self.host = FakeHost()
        self.heard: list[GateMessage] = []
        self.fake = FakeGate(self.host, self.heard.append, freeze=freeze, on_timeout=on_timeout)
        self.gate: Gate = self.fake
        self.hold_seconds = hold_seconds
        self.host.load_image(ImageIdentity(Digest.of(b"any")), "any")
        self.start = self.host.start
        self.time_is_up = self.fake.timeout

    def create(self) -> str:
        return self.host.create("any", f"c{len(self.host.known)}")

    def ran(self, container_id: str) -> bool:
        return self.host.known[container_id].name in self.host.ran

    def lives(self, container_id: str) -> bool:
        return self.host.known[container_id].name in self.host.live

    def lose_gate_while(self, act: Callable[[], None]) -> None:
        self.fake.fall()
        act()
        self.fake.stand()

    def close(self) -> None:
        self.gate.close()


class RealGateHost:
    """Fake containers in real cgroups, and the gate's own process."""

    def __init__(
        self, place: FakeContainers, *, freeze: bool, on_timeout: GateDecision, hold_seconds: float
    ) -> None:
        self.place = place
        self.heard: list[GateMessage] = []
        self.real = CgroupGate(
            self.heard.append,
            freeze=freeze,
            hold_seconds=hold_seconds,
            on_timeout=on_timeout,
            build_steps="deny",
            roots=[place.root],
            engine_root=str(place.engine_root),
            cgroup_version=place.version,
            mount=place.mount,
        )
        self.gate: Gate = self.real

    def container(self, container_id: str) -> FakeContainer:
        return next(
            container for container in self.place.containers if container.id == container_id
        )

    def create(self) -> str:
        return self.place.container().id

    def start(self, container_id: str) -> None:
        self.container(container_id).appear()

    def ran(self, container_id: str) -> bool:
        return self.container(container_id).ran

    def lives(self, container_id: str) -> bool:
        return not self.container(container_id).dead

    def time_is_up(self, container_id: str) -> None:
        """It comes by itself."""

    def lose_gate_while(self, act: Callable[[], None]) -> None:
        pid = self.real.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        act()
        os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        self.gate.close()
