"""The rig with a signed list: what is published is synced as in the daemon."""

from dataclasses import dataclass, field
from typing import Any

from agent.api.status_view import StatusView
from agent.errors import AllowlistRejected
from agent.helpers.sync.sync_request import SyncReport
from agent.policy.list_syncer import Periods, Syncer
from agent.ports import TrustedList
from core.allowlist.allowlist import Allowlist
from core.base_errors import DockwardenError
from tests.control.rig import Rig
from tests.fakes.list_repository import FakeListRepository

NONE_YET = AllowlistRejected("no list was fetched yet")


@dataclass(slots=True)
class Signed:
    """See the module. `dice` is what the syncer draws: 1.0 the highest of each range."""

    options: dict[str, Any] = field(default_factory=dict)
    repository: FakeListRepository = field(default_factory=FakeListRepository)
    dice: float = 0.5
    rig: Rig = field(init=False)
    syncer: Syncer = field(init=False)

    def __post_init__(self) -> None:
        self.rig = Rig(**self.options)
        self.rig.lists._load = self._load
        self.syncer = Syncer(
            self.repository,
            self.rig.lists,
            self.rig.enforcer,
            self.rig.rescanner,
            periods=Periods(poll=60.0, refresh=900.0),
            spread=lambda low, high: low + (high - low) * self.dice,
        )

    def _load(self) -> TrustedList:
        if self.repository.adopted is None:
            raise NONE_YET
        assert self.rig.trusted is not None and not isinstance(self.rig.trusted, DockwardenError)
        return self.rig.trusted

    def publish(self, trusted: Allowlist, told: SyncReport) -> None:
        """The repository has this from now on."""
        self.rig.trusted, self.repository.server = trusted, told

    def begin(self) -> "Signed":
        """Start as the daemon does, and deliver all that comes of it."""
        self.rig.lists.load_first()
        self.syncer.start()
        self.rig.gate.start()
        self.rig.connect()
        self.rig.drain()
        return self.pass_(0.0)

    def pass_(self, seconds: float, *, step: float = 10.0) -> "Signed":
        """Time passes as the loop sees it, and all is delivered."""
        left = seconds
        while True:
            stride = min(step, left)
            self.rig.tick(stride)
            self.syncer.tick()
            self.rig.drain()
            left -= stride
            if left <= 0:
                return self

    def status_view(self) -> StatusView:
        """What the control socket answers."""
        plain = self.rig.status_view()
        plain_fields = {name: getattr(plain, name) for name in plain.__slots__}
        return StatusView(**{**plain_fields, "syncer": self.syncer})

    def told(self, event: str) -> list[str]:
        """The summaries of the findings of this name."""
        return [finding.summary for finding in self.rig.findings if finding.event == event]
