"""Makes the daemon's parts from the configuration; which of them meet is the daemon's business."""

import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.adapters.cgroup_gate import CgroupGate
from agent.adapters.cgroups import CgroupProcesses
from agent.adapters.clock import SystemClock
from agent.adapters.engine_config import RunningEngine
from agent.adapters.evidence_files import EvidenceFiles
from agent.adapters.findings_file import JsonlFindings
from agent.adapters.journal import JournalFindings
from agent.adapters.processes import other_engines
from agent.config import Config
from agent.config.values import Journal
from agent.control.acts import Acts
from agent.control.brake import Brake, BrakeLimits
from agent.control.compose import Composer
from agent.control.enforce import Enforcer, Tools
from agent.control.layer_state import FightLimits
from agent.control.loop import Loop
from agent.control.neighbours import Neighbours
from agent.control.policy import Policy
from agent.control.reconcile import Reconciler
from agent.control.record import Kept, Recorder
from agent.control.spooling import AllSinks
from agent.domain.finding import Finding
from agent.domain.verdict import Mode, Net
from agent.lockdown import Lockdown
from agent.ports import Engine, FindingSink, Ruling

KEEP_FILES = 5  # rotated violation files
EVIDENCE_FILES = 10_000
EVIDENCE_BYTES = 500_000_000


def policy(config: Config) -> Policy:
    """What the enforcement loop is told to do."""
    enforcement = config.enforcement
    return Policy(
        mode=config.agent.mode,
        table=config.table,
        nets=enforcement.nets,
        exemptions=enforcement.exemptions,
        allow_derived=config.allow_derived,
        build_steps=enforcement.build_steps,
        keep_refused=enforcement.keep_refused,
        keep_killed=enforcement.keep_killed,
        stop_timeout=enforcement.stop_timeout_seconds,
        sweep_seconds=enforcement.sweep_seconds,
        host=config.agent.host_name or socket.gethostname(),
        contact=config.agent.contact,
    )


def brake(config: Config) -> Brake:
    """The kill-rate brake."""
    limits = config.brake
    return Brake(BrakeLimits(limits.kills, limits.seconds, limits.share))


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


def tools(
    config: Config,
    engine: Engine,
    loop: Loop,
    *,
    engine_root: str,
    cgroup_version: str,
    composer: Composer,
    emit: Callable[[Finding], None],
) -> Tools:
    """Everything the enforcement loop acts through; the gate is not started yet."""
    clock = SystemClock()
    processes = CgroupProcesses(cgroup_version, roots=config.gate.roots)
    enforcing = config.agent.mode is Mode.ENFORCE
    gate = CgroupGate(
        loop.post,
        roots=config.gate.roots,
        freeze=enforcing and Net.GATE in config.enforcement.nets,
        hold_seconds=config.gate.hold_seconds,
        on_timeout=Ruling(config.gate.on_timeout),
        engine_root=engine_root,
        cgroup_version=cgroup_version,
        build_steps=config.enforcement.build_steps,
    )
    evidence = EvidenceFiles(
        Path(config.agent.state_dir, "evidence"),
        max_files=EVIDENCE_FILES,
        max_bytes=EVIDENCE_BYTES,
    )
    acts = Acts(engine, processes, evidence, clock, config.allow_derived)
    return Tools(acts, gate, processes, loop, clock, composer, emit)


def reconciler(config: Config, built: Lockdown, enforcer: Enforcer) -> Reconciler:
    """What keeps the lockdown's layers; mends in enforce mode only."""
    settings, parts = config.lockdown, enforcer.tools
    return Reconciler(
        built.layers,
        mend=config.agent.mode is Mode.ENFORCE,
        limits=FightLimits(settings.heals, settings.heal_seconds),
        period=settings.check_seconds,
        work=parts.work,
        clock=parts.clock,
        composer=parts.composer,
        emit=parts.emit,
        healing=built.healing,
    )


def neighbours(config: Config, parts: Tools) -> Neighbours:
    """What looks for other engines on the host."""
    guarded = RunningEngine(config.engine.socket)
    return Neighbours(
        lambda: other_engines(guarded.pid()),
        work=parts.work,
        clock=parts.clock,
        composer=parts.composer,
        emit=parts.emit,
    )
