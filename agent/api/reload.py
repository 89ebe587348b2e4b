"""Takes up a changed configuration while the agent works, or refuses it and keeps the old one.

Nothing is stopped for it: the gate works all the while (docs/adr/0011). It knows no file.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from agent.config.config_values import Config
from agent.log import get_logger
from agent.ports.work import Work
from core.base_errors import DockwardenError
from core.findings.finding import Finding, Kind

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reloaded:
    """Keys as `table.key`: those that are in force now, and those that wait for a restart."""

    changed: tuple[str, ...]
    needs_restart: tuple[str, ...]


Outcome = Reloaded | DockwardenError
Then = Callable[[Outcome], None]


class Reloader:
    """Works on the loop's thread, but for `read`, which runs elsewhere.

    `read` gives the new configuration or raises `DockwardenError`; `adopt` puts the part of it
    that can change now in force.
    """

    def __init__(
        self,
        config: Config,
        *,
        read: Callable[[], Config],
        adopt: Callable[[Config], None],
        work: Work,
        notice: Callable[..., Finding],
        emit: Callable[[Finding], None],
    ) -> None:
        self._config = config
        self._read, self._adopt, self._work = read, adopt, work
        self._notice, self._emit = notice, emit
        self._reading = False
        self._waiting: list[Then] = []
        self.error = ""
        self.needs_restart: tuple[str, ...] = ()

    def reload(self, then: Then = lambda _outcome: None) -> None:
        """Read again. A request while a file is being read gets the answer to a later reading:
        what was read may be older than the change that was asked for."""
        self._waiting.append(then)
        if not self._reading:
            self._start()

    def status(self) -> dict[str, Any]:
        """For `dockwarden status`."""
        return {"error": self.error, "needs_restart": list(self.needs_restart)}

    def degraded(self) -> list[str]:
        """Why the configuration in force is not the one in the files."""
        return [f"the configuration was not reloaded: {self.error}"] if self.error else []

    def _start(self) -> None:
        self._reading = True
        asked, self._waiting = self._waiting, []
        self._work.submit(self._read, lambda found: self._done(found, asked))

    def _done(self, found: Config | DockwardenError, asked: list[Then]) -> None:
        self._reading = False
        outcome = self._refused(found) if isinstance(found, DockwardenError) else self._taken(found)
        for then in asked:
            then(outcome)
        if self._waiting:
            self._start()

    def _refused(self, error: DockwardenError) -> DockwardenError:
        self.error = error.message
        log.error("config.refused", error=error.message)
        summary = f"The changed configuration is refused, the old one stays: {error.message}"
        self._emit(self._notice("config.refused", summary, kind=Kind.ALARM))
        return error

    def _taken(self, new: Config) -> Reloaded:
        mixed = live(self._config, new)
        outcome = Reloaded(tuple(differences(self._config, mixed)), tuple(differences(mixed, new)))
        self.error, self.needs_restart = "", outcome.needs_restart
        self._config = mixed
        if outcome.changed:
            self._adopt(mixed)
        log.info(
            "config.reloaded",
            changed=", ".join(outcome.changed),
            needs_restart=", ".join(outcome.needs_restart),
        )
        if outcome.changed or outcome.needs_restart:
            self._emit(self._notice("config.reloaded", _words(outcome)))
        return outcome


def live(old: Config, new: Config) -> Config:
    """The old one with everything of the new one that can change without a restart."""
    return replace(
        old,
        agent=replace(
            old.agent,
            mode=new.agent.mode,
            contact=new.agent.contact,
            log_level=new.agent.log_level,
        ),
        enforcement=new.enforcement,
        gate=replace(old.gate, hold_seconds=new.gate.hold_seconds, on_timeout=new.gate.on_timeout),
        circuit_breaker=new.circuit_breaker,
    )


def differences(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """The keys whose values differ, as `table.key`; no value, since it may be a secret."""
    for each in fields(old):
        before, after = getattr(old, each.name), getattr(new, each.name)
        here = f"{path}.{each.name}" if path else each.name
        if is_dataclass(before):
            yield from differences(before, after, here)
        elif before != after:
            yield here


def _words(outcome: Reloaded) -> str:
    told = [f"in force now: {', '.join(outcome.changed)}"] if outcome.changed else []
    if outcome.needs_restart:
        told.append(f"changed but needs a restart: {', '.join(outcome.needs_restart)}")
    return f"The configuration was reloaded; {'; '.join(told)}."
