"""The daemon: the only place where objects meet — threads, queue, signals, systemd.

`python -m agent.app.daemon --config-fd N` runs it with a configuration that `dockwarden run` has
read and checked; see agent/config/handover.py.
"""

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from agent.adapters.bookmark_file import BookmarkFile
from agent.adapters.config_reader import config_reader
from agent.adapters.control_socket import ControlServer
from agent.adapters.docker_engine import DockerEngine, DockerEvents
from agent.adapters.file_watch import FileWatcher
from agent.adapters.system_clock import SystemClock
from agent.adapters.systemd_notify import SystemdNotify
from agent.api.control_api import ControlApi
from agent.api.reload import Reloader
from agent.api.status_view import Memory, StatusView
from agent.app import exporter_wiring, list_wiring, wiring
from agent.app.follow import EventsArrived, Follower, StreamDown, StreamUp
from agent.app.lockdown_wiring import lockdown
from agent.app.loop import Loop
from agent.app.report_wiring import reports
from agent.config import Config
from agent.config.config_values import ExplainAccess
from agent.config.handover import from_descriptor
from agent.enforcement.connection import Connection
from agent.enforcement.container_findings import ContainerFindings
from agent.enforcement.enforce import Enforcer
from agent.enforcement.rescan import Rescanner
from agent.errors import EngineUnavailable
from agent.files import state_format
from agent.lockdown.egress_denials import EgressDenials
from agent.log import Level, get_logger, use
from agent.ports import STREAM, CgroupCreated, EngineInfo, GateState, HoldEnded
from agent.ports.lockdown_values import Disturbance, Refusal
from agent.reporting.finding_counters import FindingCounters
from agent.reporting.metrics_publisher import Measurer
from agent.reporting.metrics_text import Snapshot, exposition
from agent.reporting.recorder import Kept
from core import __version__
from core.allowlist.nearest import last_part, next_step
from core.base_errors import DockwardenError
from core.decision.decision import in_force
from core.durable import make_directory, write_file
from core.findings.finding import Finding, Kind
from core.ids import new_id

log = get_logger(__name__)

# Slow work at once: one stuck container must not delay the end of another. Look-ups have workers
# of their own, so that no number of slow removals delays an evaluation.
WORKERS = 8
LOOKERS = 4
READY_SECONDS = 15.0  # how long the start waits for what the engine must meet when it starts
FIRST_SECONDS = 2.0  # how long the start waits for the engine
USUAL_ROOT = "/var/lib/docker"  # dockerd's default
EXPORTER_SECONDS = 2.0  # how long the end waits for each remote sink
SETTLE_SECONDS = 5.0  # how long the end waits for actions to finish and be reported
SWITCH_SECONDS = 0.0005  # between two threads: Python's own 5 ms is an age at the start event
NICE = -10  # a verdict must not wait until a burst of starting containers has had its turn
SUSPENDED_SECONDS = 5.0  # a jump between the clocks that means: the machine slept


class Daemon:
    """One running agent; `run` returns the process's exit code."""

    def __init__(self, config: Config, read: Callable[[], Config] | None = None) -> None:
        """`read` reads the configuration again, for a reload; see `Reloader`."""
        self.config = config
        use(level=Level[config.agent.log_level.name])
        self.clock = SystemClock()
        self.systemd = SystemdNotify()
        self._state = Path(config.agent.state_dir)
        make_directory(self._state)
        state_format.claim(self._state, __version__)
        self._bookmark = BookmarkFile(self._state / "events.bookmark")
        since_ns = self._bookmark.read()
        self._unkept = 0  # findings on their way to the disk
        self._unmarked = since_ns is None
        self._last_event_ns: int | None = None
        self._asleep = self.clock.asleep()
        self._told_at = 0.0
        self._started_at = self.clock.monotonic()
        self._ready = self._gate_heard = False
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="work")
        self._lookers = ThreadPoolExecutor(LOOKERS, thread_name_prefix="look")
        self.loop = Loop(self._pool, urgent=self._lookers, handle=self._handle, tick=self._tick)
        self._root_file = self._state / "engine-root"
        # With it containers are known while the engine starts: it answers nobody until all that
        # have a restart policy run, and those wait at the gate.
        self.engine = DockerEngine(
            config.engine.socket,
            timeout=config.engine.timeout_seconds,
            root_dir=self._known_root(),
        )
        info = self._engine_info()
        root = info.root_dir if info else self._known_root()
        self.policy = wiring.policy(config)
        self.reports = reports(config, self.loop, self.policy.host)
        self.exporters = exporter_wiring.exporters(
            config, now=self.clock.now, crashed=self.loop.crash
        )
        self.counters = FindingCounters()
        self.recorder = wiring.recorder(
            config,
            beside=[self.counters, *self.exporters],
            complete=self._with_next_step,
            kept=self.loop.post,
            crashed=self.loop.crash,
            spool=self.reports.sink() if self.reports else None,
        )
        finding_factory = ContainerFindings.of(self.policy, self.clock, self._new_id)
        services = wiring.services(
            config,
            self.engine,
            self.loop,
            engine_root=root,
            cgroup_version=info.cgroup_version if info else "",
            finding_factory=finding_factory,
            emit=self._emit,
        )
        self.enforcer = Enforcer(self.policy, services, wiring.circuit_breaker(config))
        self.rescanner = Rescanner(self.enforcer, watched_since=_instant(since_ns))
        self._repository = repository = list_wiring.repository(config)
        self.lists = list_wiring.list_keeper(config, repository, self.enforcer, self.rescanner)
        self.syncer = list_wiring.syncer(
            config, repository, self.lists, self.enforcer, self.rescanner
        )
        self.break_glass = list_wiring.break_glass(config, self.enforcer, self.rescanner)
        self.connection = Connection(
            self.enforcer, self.rescanner, ask=self.engine.info, root=root, moved=self._keep_root
        )
        self.memory = Memory()
        self.lockdown = lockdown(config, self.loop.post, crashed=self.loop.crash)
        self.reconciler = wiring.reconciler(config, self.lockdown, self.enforcer)
        self.egress_denials = EgressDenials(self.clock, finding_factory, self._emit)
        self.foreign_engines = wiring.foreign_engines(config, services)
        self.reloader = Reloader(
            config,
            read=read or (lambda: config),
            adopt=self._adopt,
            work=self.loop,
            notice=finding_factory.notice,
            emit=self._emit,
        )
        self.measurer = Measurer(
            exporter_wiring.publishers(config),
            self._measure,
            seconds=config.metrics.seconds,
            work=self.loop,
            clock=self.clock,
        )
        self._follower = Follower(
            DockerEvents(config.engine.socket),
            self.loop.post,
            since_ns=None if since_ns is None else since_ns + 1,
            crashed=self.loop.crash,
        )
        self.status_view = self._status_view()
        if self.reports is not None:
            self.reports.attach(
                finding_factory,
                self._emit,
                status=self.status_view.for_collector,
                entries=lambda: list(self.enforcer.table.entries.values()),
            )

    def _engine_info(self) -> EngineInfo | None:
        """What the engine says now; the gate must not wait long for one that hangs."""
        config = self.config.engine
        quick = DockerEngine(config.socket, timeout=min(FIRST_SECONDS, config.timeout_seconds))
        try:
            quick.info()
            info = self.engine.info()  # it learns from the answer
        except EngineUnavailable as error:
            log.warning("engine.not_reached", error=str(error))
            return None
        self._keep_root(info.root_dir)
        return info

    def _known_root(self) -> str:
        """Where the engine kept its containers when it was last seen, or where they usually are:
        those that start with the engine, before it answers, must be known, too."""
        if self._root_file.exists():
            return self._root_file.read_text()
        return USUAL_ROOT if Path(USUAL_ROOT).is_dir() else ""

    def _keep_root(self, root: str) -> None:
        write_file(self._root_file, root.encode(), mode=0o600)

    # Running.

    def run(self) -> int:
        """Run until SIGTERM or SIGINT; raises what a thread died of."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.loop.stop())
        signal.signal(signal.SIGHUP, lambda *_: self.loop.call(self.reloader.reload))
        gate = self.enforcer.services.gate
        self.recorder.start()
        if self.reports is not None:
            self.reports.start()
        self.lists.load_first()
        if self.syncer is not None:
            self.syncer.start()
        self.break_glass.start()
        gate.start()
        self._follower.start()
        watcher = FileWatcher(lambda error: log.warning("file_watch.failed", error=str(error)))
        watcher.watch(
            list_wiring.watched(self.config), lambda _: self.loop.call(self._list_changed)
        )
        self.lockdown.start()
        for layer in self.lockdown.layers:
            watcher.watch(layer.watched(), self._look_at(layer.name))
        servers = self._serve()
        summary = f"dockwarden {__version__} started in {self.policy.mode} mode."
        self._emit(self.enforcer.services.finding_factory.notice("agent.started", summary))
        try:
            self.loop.run()
            self.systemd.stopping()
            self._follower.close()
            self.loop.finish(lambda: self.enforcer.idle, seconds=SETTLE_SECONDS)
        finally:
            self._follower.close()
            watcher.close()
            for server in servers:
                server.close()
            gate.close()
            self.lockdown.close()
            if self._repository is not None:
                self._repository.close()  # else its worker would be waited for at the exit
            self.recorder.close()
            for exporter in self.exporters:
                exporter.close(EXPORTER_SECONDS)
            self.measurer.end()
            if self.reports is not None:
                self.reports.close()
            self._lookers.shutdown(wait=False, cancel_futures=True)
            self._pool.shutdown(wait=False, cancel_futures=True)
        return 0

    def _list_changed(self) -> None:
        if self.syncer is None:
            self.lists.load()
        else:
            self.syncer.sync()

    def _adopt(self, config: Config) -> None:
        wiring.adopt(config, self.enforcer, self.rescanner, self.reconciler)
        self.systemd.status(f"{self.policy.mode} mode")

    def _look_at(self, name: str) -> Callable[[str], None]:
        return lambda _path: self.loop.call(lambda: self.reconciler.check([name]))

    def _measure(self, up: bool) -> str:
        states = [exporter.state() for exporter in self.exporters]
        now = self.clock.now()
        return exposition(
            Snapshot(self.status_view.status(), self.counters.copy(), states, now, up)
        )

    def _status_view(self) -> StatusView:
        return StatusView(
            self.enforcer,
            self.lists,
            self.rescanner,
            self.connection,
            self.recorder,
            self.reconciler,
            self.memory,
            self.clock.now(),
            self.syncer,
            self.break_glass,
            self.reports,
            exporters=self.exporters,
            reloader=self.reloader,
        )

    def _serve(self) -> list[ControlServer]:
        """The control sockets; the agent works without them."""
        control = self.config.control
        control_api = ControlApi(self.status_view, self.loop)
        servers = [ControlServer(control.socket, control_api.for_root(), 0o600)]
        access = control.explain_access
        if access is not ExplainAccess.ROOT:
            everyone = access is ExplainAccess.EVERYONE
            group = None if everyone else control.explain_group
            mode = 0o666 if everyone else 0o660
            servers.append(
                ControlServer(control.explain_socket, control_api.for_everyone(), mode, group)
            )
        for server in list(servers):
            try:
                server.start()
            except DockwardenError as error:
                log.warning("control.not_served", error=str(error))
                servers.remove(server)
        return servers

    def _handle(self, message: object) -> None:
        match message:
            case EventsArrived(events):
                for event in events:
                    if event.type == STREAM:
                        self.rescanner.rescan(f"stream {event.action}")
                    else:
                        self.enforcer.on_event(event)
                self._last_event_ns = events[-1].time_ns
            case CgroupCreated():
                self.enforcer.gate_handler.on_cgroup_created(message)
            case HoldEnded():
                self.enforcer.gate_handler.on_hold_ended(message)
            case GateState():
                self._gate_heard = True
                self.enforcer.gate_handler.on_gate_state(message)
            case Kept(findings):
                self._unkept -= len(findings)
                for finding in findings:
                    self.memory.add(finding)
            case StreamUp():
                self.connection.up()
                self.reconciler.check()  # an engine that was restarted has another cgroup
                if self._unmarked:  # the watch begins now, even if nothing happens
                    self._unmarked, self._last_event_ns = False, self.enforcer.watching_since_ns
            case StreamDown(reason):
                self.connection.down(reason)
            case Refusal():
                self.egress_denials.refused(message)
            case Disturbance(culprit):
                self.reconciler.disturbed("firewall", culprit)

    def _tick(self) -> None:
        self.enforcer.evaluator.retry_due()
        self.rescanner.tick()
        self.lists.tick()
        if self.syncer is not None:
            self.syncer.tick()
        self.break_glass.tick()
        self.reconciler.tick()
        if self.reports is not None:
            self.reports.tick()
        self.egress_denials.tick()
        self.foreign_engines.tick()
        self.measurer.tick()
        if abs(self.clock.asleep() - self._asleep) > SUSPENDED_SECONDS:
            self._asleep = self.clock.asleep()
            self.rescanner.rescan("the machine slept")
        if self._last_event_ns is not None and self._unkept == 0 and self.enforcer.idle:
            self._bookmark.write(self._last_event_ns)
            self._last_event_ns = None
        if not self._ready:
            self._tell_ready()
        self._tell_systemd()

    def _tell_ready(self) -> None:
        """The start is over when gate and firewall work or reported why not: systemd then starts
        the engine, and what that restarts must meet them."""
        is_known = self._gate_heard and self.reconciler.looked_at("firewall")
        if is_known or self.clock.monotonic() - self._started_at > READY_SECONDS:
            self._ready = True
            self.systemd.ready(f"{self.policy.mode} mode")

    def _tell_systemd(self) -> None:
        """The loop came round: said half as often as systemd wants to hear it at most."""
        interval = self.systemd.watchdog_interval
        now = self.clock.monotonic()
        if interval is not None and now - self._told_at >= interval / 2:
            self._told_at = now
            self.systemd.watchdog()

    # Findings.

    def _new_id(self) -> str:
        return new_id(self.clock.now(), os.urandom(8))

    def _emit(self, finding: Finding) -> None:
        self._unkept += 1
        self.recorder.record(finding)

    def _with_next_step(self, finding: Finding) -> Finding:
        """Runs on the recorder's thread: a long list takes a while to search."""
        if finding.container is None or finding.kind is not Kind.VIOLATION:
            return finding
        trusted = self.enforcer.evaluator.trusted
        if trusted is None:
            return finding
        step = next_step(
            finding.container.claimed_reference,
            trusted.alike(last_part(finding.container.claimed_reference)),
            self.policy.contact or trusted.info.contact,
            now=finding.at,
            usable=lambda approval: in_force(approval, trusted.about, now=finding.at),
        )
        return replace(finding, next_step=step)


def _instant(time_ns: int | None) -> datetime | None:
    return None if time_ns is None else datetime.fromtimestamp(time_ns / 1e9, UTC)


def main() -> int:
    """The daemon process: 0 after an orderly end, 1 after a named error."""
    sys.setswitchinterval(SWITCH_SECONDS)
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    parser = argparse.ArgumentParser(prog="dockwarden-daemon")
    parser.add_argument("--config", default="", help="what a reload reads")
    parser.add_argument("--mode", default="", help="the mode that was given by hand")
    parser.add_argument("--config-fd", type=int, required=True)
    given = parser.parse_args()
    try:
        read = config_reader(given.config, given.mode)
        return Daemon(from_descriptor(given.config_fd), read).run()
    except DockwardenError as error:
        log.critical("agent.failed", error=str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
