"""The simulated host with a look-out: who was harmed, and who would have to wait for a lock."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agent.errors import EngineRefused
from core.allowlist.allowlist import Allowlist, Approval, Deny, Level, ListInfo, Waiver
from core.image.identity import ContainerState
from tests.core.build import approval, deny
from tests.fakes.clock import START
from tests.fakes.engine import FakeEngine
from tests.fakes.host import Simulated

ROOT = "/var/lib/docker"  # the simulated engine's


class Locked(Exception):
    """The call waits for a container's lock, which a start under way holds."""


@dataclass(slots=True)
class FakeHost(FakeEngine):
    """`harmed` has the names of all containers that the agent killed, stopped, paused or removed.

    The engine refuses to kill those in `stubborn`, and signals do not reach them. A call that
    would block raises `Locked`, unless `impatient`: then it fails as after the engine's limit.
    """

    patience: float = 0.0
    impatient: bool = False
    harmed: set[str] = field(default_factory=set)
    stubborn: set[str] = field(default_factory=set)

    def kill(self, container_id: str) -> None:
        """See `ports.Engine`."""
        self._harm(container_id)
        if self._is_stubborn(container_id):
            raise EngineRefused("permission denied")
        FakeEngine.kill(self, container_id)

    def pause(self, container_id: str) -> None:
        """See `ports.Engine`."""
        self._harm(container_id)
        FakeEngine.pause(self, container_id)

    def remove(self, container_id: str) -> None:
        """See `ports.Engine`."""
        self._harm(container_id)
        FakeEngine.remove(self, container_id)

    def kernel_kill(self, container_id: str) -> bool:
        """SIGKILL past the engine."""
        self._harm(container_id)
        if self._is_stubborn(container_id):
            return True
        return FakeEngine.kernel_kill(self, container_id)

    def people_remove(self, container_id: str) -> None:
        """`docker rm -f` by a person."""
        FakeEngine.remove(self, container_id)

    def state_of(self, name: str) -> ContainerState:
        """What the engine says of a container."""
        return self.known[self.id_of(name)].state

    def _is_stubborn(self, container_id: str) -> bool:
        one = self.known.get(container_id)
        return one is not None and one.name in self.stubborn

    def _harm(self, container_id: str) -> None:
        if one := self.known.get(container_id):
            self.harmed.add(one.name)

    def _free(self, container_id: str) -> Simulated | None:
        one = self.known.get(container_id)
        if one and one.held and self.up and not self.hung and not self.impatient:
            raise Locked
        return FakeEngine._free(self, container_id)


def in_(seconds: float) -> datetime:
    """An instant after the rig's beginning."""
    return START + timedelta(seconds=seconds)


def listed(
    *approved: str | Approval,
    sequence: int = 1,
    denied: Sequence[Deny | str] = (),
    waivers: Sequence[Waiver] = (),
) -> Allowlist:
    """A list of one level that approves and denies images by their names."""
    approvals = tuple(approval(a) if isinstance(a, str) else a for a in approved)
    denies = tuple(deny(d) if isinstance(d, str) else d for d in denied)
    level = Level("acme", approvals=approvals, denies=denies, waivers=tuple(waivers))
    origin = "file:/list.json, unsigned"
    return Allowlist([level], ListInfo(sequence, origin, False, "acme", "ops@acme", len(approvals)))
