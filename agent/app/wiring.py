"""Makes the daemon's parts from the configuration; which of them meet is the daemon's business."""

import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.adapters.cgroup_gate import CgroupGate
from agent.adapters.cgroups import CgroupProcesses
from agent.adapters.engine_config import RunningEngine
from agent.adapters.evidence_files import EvidenceFiles
from agent.adapters.findings_file import JsonlFindings
from agent.adapters.journal import JournalFindings
from agent.adapters.processes import other_engines
from agent.adapters.system_clock import SystemClock
from agent.app.lockdown_wiring import Lockdown
from agent.app.loop import Loop
from agent.config import Config
from agent.config.config_values import Journal
from agent.enforcement.circuit_breaker import CircuitBreaker, CircuitBreakerLimits
from agent.enforcement.container_actions import ContainerActions
from agent.enforcement.container_findings import ContainerFindings
from agent.enforcement.enforce import Enforcer, Services
from agent.enforcement.enforcement_policy import Policy
from agent.enforcement.rescan import Rescanner
from agent.lockdown.foreign_engines import ForeignEngines
from agent.lockdown.layer_state import RevertLimits
from agent.lockdown.reconcile import Reconciler
from agent.log import Level, use
from agent.ports import Engine, FindingSink, GateDecision, GateOrders
from agent.reporting.recorder import Kept, Recorder
from agent.reporting.spooling import AllSinks
from core.decision.verdict import Mode
from core.findings.finding import Finding

KEEP_FILES = 5  # rotated violation files
EVIDENCE_FILES = 10_000
EVIDENCE_BYTES = 500_000_000


def policy(config: Config) -> Policy:
    """The settings of the enforcement loop."""
    enforcement = config.enforcement
    return Policy(
        mode=config.agent.mode,
        table=config.table,
        enforcement_points=enforcement.enforcement_points,
        exemptions=enforcement.exemptions,
        allow_derived=config.allow_derived,
        build_steps=enforcement.build_steps,
        keep_refused=enforcement.keep_refused,
        keep_killed=enforcement.keep_killed,
        stop_timeout=enforcement.stop_timeout_seconds,
        rescan_seconds=enforcement.rescan_seconds,
        host=config.agent.host_name or socket.gethostname(),
        contact=config.agent.contact,
    )


def gate_orders(config: Config) -> GateOrders:
    """The gate's settings, sent at its start and again when the configuration is reloaded."""
    return GateOrders(
        freeze=policy(config).freezes,
        hold_seconds=config.gate.hold_seconds,
        on_timeout=GateDecision(config.gate.on_timeout),
        build_steps=config.enforcement.build_steps,
    )


def circuit_breaker(config: Config) -> CircuitBreaker:
    """The circuit breaker."""
    return CircuitBreaker(_limits(config))


def _limits(config: Config) -> CircuitBreakerLimits:
    limits = config.circuit_breaker
    return CircuitBreakerLimits(limits.kills, limits.seconds, limits.share)


def recorder(
    config: Config,
    *,
    complete: Callable[[Finding], Finding],
    kept: Callable[[Kept], None],
    crashed: Callable[[BaseException], None],
    spool: FindingSink | None = None,
    beside: Sequence[FindingSink] = (),
) -> Recorder:
    """The findings' way to the spool, the file and the journal."""
    reports = config.reports
    most = reports.max_megabytes * 1_000_000
    own_file = JsonlFindings(reports.file, max_bytes=most, keep=KEEP_FILES)
    journal = [] if reports.journal is Journal.OFF else [JournalFindings()]
    return Recorder(
        own_file if spool is None else AllSinks([spool, own_file], journal),
        [*(journal if spool is None else []), *beside],
        complete=complete,
        kept=kept,
        crashed=crashed,
    )


def services(
    config: Config,
    engine: Engine,
    loop: Loop,
    *,
    engine_root: str,
    cgroup_version: str,
    finding_factory: ContainerFindings,
    emit: Callable[[Finding], None],
) -> Services:
    """Everything the enforcement loop acts through; the gate is not started yet."""
    clock = SystemClock()
    processes = CgroupProcesses(cgroup_version, roots=config.gate.roots)
    orders = gate_orders(config)
    gate = CgroupGate(
        loop.post,
        roots=config.gate.roots,
        freeze=orders.freeze,
        hold_seconds=orders.hold_seconds,
        on_timeout=orders.on_timeout,
        engine_root=engine_root,
        cgroup_version=cgroup_version,
        build_steps=orders.build_steps,
    )
    evidence = EvidenceFiles(
        Path(config.agent.state_dir, "evidence"),
        max_files=EVIDENCE_FILES,
        max_bytes=EVIDENCE_BYTES,
    )
    actions = ContainerActions(engine, processes, evidence, clock, config.allow_derived)
    return Services(actions, gate, processes, loop, clock, finding_factory, emit)


def reconciler(config: Config, built: Lockdown, enforcer: Enforcer) -> Reconciler:
    """Maintains the lockdown's layers; restores in enforce mode only."""
    settings, parts = config.lockdown, enforcer.services
    return Reconciler(
        built.layers,
        mend=config.agent.mode is Mode.ENFORCE,
        limits=RevertLimits(settings.heals, settings.heal_seconds),
        period=settings.check_seconds,
        work=parts.work,
        clock=parts.clock,
        finding_factory=parts.finding_factory,
        emit=parts.emit,
        healing=built.healing,
        always_restored=frozenset({"firewall"}),
    )


def foreign_engines(config: Config, parts: Services) -> ForeignEngines:
    """What looks for other engines on the host."""
    guarded = RunningEngine(config.engine.socket)
    return ForeignEngines(
        lambda: other_engines(guarded.pid()),
        work=parts.work,
        clock=parts.clock,
        finding_factory=parts.finding_factory,
        emit=parts.emit,
    )


def adopt(config: Config, enforcer: Enforcer, rescanner: Rescanner, reconciler: Reconciler) -> None:
    """Put in force what `agent.api.reload.live` lets change; on the loop's thread.

    The gate is informed before anything is evaluated by the new settings, so what starts meanwhile
    is held wherever the old or the new ones hold it.
    """
    use(level=Level[config.agent.log_level.name])
    enforcer.services.gate.configure(gate_orders(config))
    enforcer.policy.adopt(policy(config))
    enforcer.services.actions.allow_derived = config.allow_derived
    enforcer.circuit_breaker.limits = _limits(config)
    rescanner.evaluate_known()
    rescanner.rescan("configuration reloaded")  # derived images are known by their layers only
    reconciler.mends(config.agent.mode is Mode.ENFORCE)
