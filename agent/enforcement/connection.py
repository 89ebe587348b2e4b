"""The engine's side of the watch: whether it is reached, what it is, what a gap means."""

from collections.abc import Callable

from agent.enforcement.enforce import Enforcer
from agent.enforcement.rescan import Rescanner
from agent.ports import EngineInfo
from core.base_errors import DockwardenError
from core.findings.finding import Kind


class EngineMoved(DockwardenError):
    """The engine keeps its containers elsewhere than the gate expects: restart."""


class Connection:
    """Follows whether the stream is open; each time it opens, everything is evaluated again.

    `ask` brings the engine's information; `moved` hears of its root directory when it is not
    `root`, the one that the gate was given (empty: unknown).
    """

    def __init__(
        self,
        enforcer: Enforcer,
        rescanner: Rescanner,
        *,
        ask: Callable[[], EngineInfo],
        root: str,
        moved: Callable[[str], None],
    ) -> None:
        self._enforcer = enforcer
        self._rescanner = rescanner
        self._ask = ask
        self._root = root
        self._moved = moved
        self.info: EngineInfo | None = None
        self.error = "the engine was not reached yet"

    def up(self) -> None:
        """Subscribed: whatever happened before has to be listed."""
        finding_factory, clock = (
            self._enforcer.services.finding_factory,
            self._enforcer.services.clock,
        )
        self._enforcer.watching_since_ns = int(clock.now().timestamp() * 1e6) * 1000
        if self.error:
            self._enforcer.services.emit(
                finding_factory.notice("engine.connected", "The engine's event stream is open.")
            )
        self.error = ""
        self._enforcer.services.work.submit(self._ask, self._learned)
        self._rescanner.rescan("connected")

    def down(self, reason: str) -> None:
        """The stream ended."""
        if not self.error:
            finding_factory = self._enforcer.services.finding_factory
            summary = f"The engine's event stream ended: {reason}"
            self._enforcer.services.emit(
                finding_factory.notice("engine.lost", summary, kind=Kind.ALARM)
            )
        self.error = reason

    def _learned(self, info: EngineInfo | DockwardenError) -> None:
        if isinstance(info, DockwardenError):
            return  # the rescan says so, and so will the stream's end
        self.info = info
        if info.root_dir != self._root:
            self._moved(info.root_dir)
            raise EngineMoved(
                f"the engine's root directory is {info.root_dir}, not {self._root or 'known'}",
                hint="the agent ends, so that it restarts with the gate at the right place",
            )
