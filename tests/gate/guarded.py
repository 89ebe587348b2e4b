"""A gate under test with all its messages."""

import queue
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from agent.adapters.cgroup_gate import CgroupGate
from agent.ports import CgroupCreated, GateDecision, GateMessage, GateState, HoldEnded
from tests.patience import PATIENCE

M = TypeVar("M", CgroupCreated, HoldEnded, GateState)


class Guarded:
    """A gate; `place` says where it looks, `settings` what else is special about it."""

    def __init__(self, place: Mapping[str, Any], **settings: Any) -> None:
        self.messages: list[GateMessage] = []
        self._new: queue.Queue[GateMessage] = queue.Queue()
        given: dict[str, Any] = {
            "freeze": True,
            "hold_seconds": 30.0,
            "on_timeout": GateDecision.THAW,
            "build_steps": "deny",
        }
        self.gate = CgroupGate(self._new.put, **(given | dict(place) | settings))

    def start(self) -> "Guarded":
        """Start it and wait until it stands."""
        self.gate.start()
        self.await_(GateState, lambda state: state.working)
        return self

    def await_(self, kind: type[M], such: Callable[[M], bool]) -> M:
        """The next message of a kind such that."""
        deadline = time.monotonic() + PATIENCE
        while True:
            left = deadline - time.monotonic()
            try:
                message = self._new.get(timeout=max(left, 0.001))
            except queue.Empty:
                raise AssertionError(f"no {kind.__name__}; heard {self.messages[-5:]}") from None
            self.messages.append(message)
            if isinstance(message, kind) and such(message):
                return message

    def created(self, container_id: str) -> CgroupCreated:
        """The next cgroup of a container."""
        return self.await_(CgroupCreated, lambda created: created.container_id == container_id)

    def hold_ended(self, container_id: str) -> HoldEnded:
        """The next settlement of a container."""
        return self.await_(HoldEnded, lambda hold_ended: hold_ended.container_id == container_id)

    def close(self) -> None:
        """End the gate."""
        self.gate.close()
