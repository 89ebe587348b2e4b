"""Reports what else on the host runs or fetches images: each once, while it lasts.

It evaluates nothing: anything can have any name, so this is for people to read.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from agent.ports import Clock
from agent.ports.work import Work
from agent.reporting.finding_factory import FindingFactory
from core.base_errors import DockwardenError
from core.findings.finding import Finding, Kind

PERIOD = 600.0  # seconds between two looks


class ForeignEngine(Protocol):
    """A process that runs or fetches images past the guarded engine."""

    @property
    def kind(self) -> str:
        """Which engine: `docker`, `podman`, `containerd` and so on."""
        ...

    @property
    def pid(self) -> int:
        """Its process ID."""
        ...

    @property
    def command(self) -> str:
        """Its command line without credentials."""
        ...

    @property
    def user(self) -> str:
        """The owner's name, or the number as text."""
        ...

    @property
    def container(self) -> str:
        """The ID of the container that it runs in; empty on the host itself."""
        ...


class ForeignEngines:
    """Looks now and then, elsewhere; `find` brings what runs now."""

    def __init__(
        self,
        find: Callable[[], Sequence[ForeignEngine]],
        *,
        work: Work,
        clock: Clock,
        finding_factory: FindingFactory,
        emit: Callable[[Finding], None],
    ) -> None:
        self._find, self._work, self._clock = find, work, clock
        self._finding_factory, self._emit = finding_factory, emit
        self._next = 0.0
        self._known: set[tuple[str, int]] = set()

    def tick(self) -> None:
        """Look when the period is over."""
        now = self._clock.monotonic()
        if now >= self._next:
            self._next = now + PERIOD
            self._work.submit(self._find, self._found)

    def _found(self, found: Sequence[ForeignEngine] | DockwardenError) -> None:
        if isinstance(found, DockwardenError):
            return
        for one in found:
            if (one.kind, one.pid) not in self._known:
                self._report(one)
        self._known = {(one.kind, one.pid) for one in found}

    def _report(self, one: ForeignEngine) -> None:
        where = f" in container {one.container[:12]}" if one.container else ""
        summary = (
            f"{one.kind} runs beside the guarded engine (process {one.pid}, {one.user}{where}): "
            "dockwarden does not evaluate what it runs."
        )
        details = {
            "engine": one.kind,
            "pid": str(one.pid),
            "command": one.command,
            "user": one.user,
        }
        self._emit(
            self._finding_factory.notice("engine.other", summary, kind=Kind.ALARM, **details)
        )
