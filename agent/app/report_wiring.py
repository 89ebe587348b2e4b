"""Makes the way to the collector from the configuration: spool, uplink, heartbeat; None without.

Below the daemon, above the parts, which do not know each other.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import SystemRandom
from typing import Any

from agent.adapters.own_processes import OwnProcesses
from agent.adapters.spool import SqliteSpool
from agent.adapters.system_clock import SystemClock
from agent.adapters.uplink_helper import Uplink, UplinkState
from agent.app.loop import Loop
from agent.config import Config
from agent.enforcement.tracked_container import TrackedContainer
from agent.errors import SinkFailed
from agent.helpers.uplink.uplink_order import Order
from agent.log import get_logger
from agent.ports import FindingSink
from agent.reporting.finding_factory import FindingFactory
from agent.reporting.reporting import Host, Reporting
from agent.reporting.spooling import SpooledFindings
from core.findings.finding import Finding, Kind

log = get_logger(__name__)

SPOOL_NAME = "spool.db"


def spool_file(config: Config) -> Path:
    """Where what waits lies."""
    return Path(config.agent.state_dir) / SPOOL_NAME


class Reports:
    """Everything between a finding and the collector. `attach` before `start`."""

    def __init__(self, config: Config, loop: Loop, host: str) -> None:
        """A spool that cannot be opened now is tried again with each record."""
        settings = config.collector
        self._loop, self._clock, self._random = loop, SystemClock(), SystemRandom()
        self._host = Host(host, config.allowlist.scope, settings.heartbeat_seconds)
        self.spool = SqliteSpool(
            spool_file(config),
            self._clock,
            max_bytes=settings.spool_megabytes * 1_000_000,
            reserved=settings.reserved_share,
        )
        order = Order(
            spool=str(self.spool.path),
            url=settings.url,
            token_file=settings.token_file,
            hostname=host,
            ca_file=settings.ca_file,
            secret=settings.enrolment_secret,
        )
        self.uplink = Uplink(
            order,
            self._clock,
            waiting=self._waiting,
            damaged=self._check,
            changed=lambda state: loop.call(lambda: self._changed(state)),
            crashed=loop.crash,
            random=self._random,
        )
        self._reporting: Reporting | None = None
        self._set_aside = ""

    def sink(self) -> FindingSink:
        """Where findings go first."""
        return SpooledFindings(self.spool, self._clock, self.uplink.wake)

    def attach(
        self,
        finding_factory: FindingFactory,
        emit: Callable[[Finding], None],
        *,
        status: Callable[[], Mapping[str, Any]],
        entries: Callable[[], Sequence[TrackedContainer]],
    ) -> None:
        """Who is asked how the host is, and who hears of the uplink itself."""
        self._finding_factory, self._emit = finding_factory, emit
        self._reporting = Reporting(
            self._host,
            self.spool,
            OwnProcesses(),
            work=self._loop,
            clock=self._clock,
            random=self._random,
            status=status,
            entries=entries,
            wake=self.uplink.wake,
        )

    def start(self) -> None:
        """Begin to send."""
        self.uplink.start()

    def tick(self) -> None:
        """On the loop's thread, each second or so."""
        if self._reporting is not None:
            self._reporting.tick()
        aside = self.spool.was_damaged
        if aside != self._set_aside:
            self._set_aside = aside
            self._say("spool.set_aside", _DAMAGED.format(aside), Kind.ALARM, file=aside)

    def close(self) -> None:
        """After the last finding was kept."""
        self.uplink.close()
        self.spool.close()

    def status(self) -> dict[str, Any]:
        """The part of `dockwarden status`; what waits is as of at most ten seconds ago."""
        state, waits = self.uplink.state, self.spool.known
        return {
            "url": state.url,
            "error": state.error,
            "refused": state.refused,
            "since": state.since.isoformat() if state.since else None,
            "delivered_at": state.delivered_at.isoformat() if state.delivered_at else None,
            "sent": state.sent,
            "waiting": waits.records,
            "bytes": waits.bytes,
            "held": waits.held,
            "dropped": waits.dropped,
            "quarantined": waits.quarantined,
            "oldest_at": waits.oldest_at or None,
        }

    def degraded(self) -> list[str]:
        """Why reports do not arrive, in words."""
        state = self.uplink.state
        failing = self._reporting.error if self._reporting else ""
        reasons = [f"the spool: {failing}"] if failing else []
        if state.error:
            reasons.append(f"reports do not reach the collector: {state.error}")
        return reasons

    def _changed(self, state: UplinkState) -> None:
        if not state.error:
            self._say("uplink.restored", f"Reports reach {state.url} again.", Kind.NOTICE)
        elif state.refused:
            summary = f"The collector {state.url} refuses this host's reports: {state.error}"
            self._say("uplink.refused", summary, Kind.ALARM, error=state.error)
        else:
            summary = f"Reports do not reach {state.url}; they wait on this host: {state.error}"
            self._say("uplink.failed", summary, Kind.NOTICE, error=state.error)

    def _say(self, event: str, summary: str, kind: Kind, **details: str) -> None:
        if self._reporting is not None:
            self._emit(self._finding_factory.notice(event, summary, kind=kind, **details))

    def _waiting(self) -> bool:
        try:
            return self.spool.state().records > 0
        except SinkFailed as error:
            log.warning("spool.unreadable", error=str(error))
            return False

    def _check(self) -> None:
        try:
            self.spool.check()
        except SinkFailed as error:
            log.warning("spool.unreadable", error=str(error))


_DAMAGED = (
    "The spool was damaged and set aside as {}; reports that had not reached the collector are in"
    " this host's own file only."
)


def reports(config: Config, loop: Loop, host: str) -> Reports | None:
    """None where no collector is configured."""
    return Reports(config, loop, host) if config.collector.url else None
