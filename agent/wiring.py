"""Makes the daemon's parts from the configuration; which of them meet is the daemon's business."""

import os
import random
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from agent.adapters.allowlist_file import FileAllowlist, dump
from agent.adapters.cgroup_gate import CgroupGate
from agent.adapters.cgroups import CgroupProcesses
from agent.adapters.clock import SystemClock
from agent.adapters.engine_config import RunningEngine
from agent.adapters.evidence_files import EvidenceFiles
from agent.adapters.findings_file import JsonlFindings
from agent.adapters.journal import JournalFindings
from agent.adapters.list_sync import GlassFile, Helper, HelperRepository, HelperVerifier, NoVerifier
from agent.adapters.processes import other_engines
from agent.config import Config
from agent.config.values import AllowlistConfig, Journal
from agent.control.acts import Acts
from agent.control.brake import Brake, BrakeLimits
from agent.control.breakglass import BreakGlass
from agent.control.compose import Composer
from agent.control.enforce import Enforcer, Tools
from agent.control.layer_state import FightLimits
from agent.control.lists import ListKeeper
from agent.control.loop import Loop
from agent.control.neighbours import Neighbours
from agent.control.policy import Policy
from agent.control.reconcile import Reconciler
from agent.control.record import Kept, Recorder
from agent.control.sweep import Sweeper
from agent.control.sync import Periods, Syncer
from agent.domain.allowlist import Allowlist, ListInfo
from agent.domain.errors import DockwardenError
from agent.domain.finding import Finding
from agent.domain.verdict import Mode, Net
from agent.durable import write_file
from agent.errors import AllowlistRejected
from agent.lockdown import Lockdown
from agent.log import get_logger
from agent.ports import Engine, Ruling, TokenVerifier, TrustedList
from agent.sync.request import Request

log = get_logger(__name__)

KEEP_FILES = 5  # rotated violation files
EVIDENCE_FILES = 10_000
EVIDENCE_BYTES = 500_000_000
LISTS = "allowlist"  # below the state directory: the generations of a signed list
HELPER_GRACE = 10.0  # s that the sync helper has to end by itself after its deadline
TOKEN_MODULE = "agent.sync.token"
TOKEN_SECONDS = 25.0


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
) -> Recorder:
    """The findings' way to the file and the journal."""
    reports = config.reports
    most = reports.max_megabytes * 1_000_000
    return Recorder(
        JsonlFindings(reports.file, max_bytes=most, keep=KEEP_FILES),
        [] if reports.journal is Journal.OFF else [JournalFindings()],
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


def repository(config: Config) -> HelperRepository | None:
    """The signed list; None where the list is an unsigned file."""
    allowlist = config.allowlist
    if not allowlist.signed:
        return None
    from agent.sync.summary import read_summary

    request = Request(
        source=allowlist.url,
        scope=allowlist.scope,
        root_file=allowlist.root_file,
        directory=str(Path(config.agent.state_dir, LISTS)),
        now=0.0,
        ca_file=allowlist.ca_file,
    )
    return HelperRepository(
        request,
        Helper(request.deadline_seconds + HELPER_GRACE),
        read=read_summary,
        lowest_time=_lowest_time,
        open_list=lambda generation: _signed_list(generation, allowlist),
    )


def _signed_list(generation: Path, allowlist: AllowlistConfig) -> TrustedList:
    """A generation's list, with what its summary says of it; raises `AllowlistRejected`."""
    from agent.adapters.signed_list import SignedList
    from agent.sync.generations import INDEX
    from agent.sync.summary import read_summary

    summary = read_summary(generation)
    if summary is None:
        raise AllowlistRejected(
            f"{generation} has no summary that can be read",
            hint="dockwarden sync --wait brings the list anew",
        )
    info = ListInfo(
        sequence=summary.sequence,
        origin=f"{allowlist.source}, signed",
        signed=True,
        scope=allowlist.scope,
        contact=summary.contact,
        approvals=sum(scope.approvals for scope in summary.scopes),
        denies=sum(scope.denies for scope in summary.scopes),
    )
    return SignedList(generation / INDEX, info)


def _lowest_time(directory: Path) -> datetime | None:
    from agent.sync.floor import load_floor

    try:
        seconds = load_floor(directory).time
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (DockwardenError, OSError, ValueError, OverflowError) as error:
        log.warning("list.floor_unusable", error=str(error))  # the helper refuses to sync by it
        return None


def syncer(
    config: Config,
    source: HelperRepository | None,
    lists: ListKeeper,
    enforcer: Enforcer,
    sweeper: Sweeper,
) -> Syncer | None:
    """What keeps a signed list up to date."""
    if source is None:
        return None
    periods = Periods(config.allowlist.poll_seconds, config.allowlist.refresh_seconds)
    return Syncer(source, lists, enforcer, sweeper, periods=periods, spread=random.uniform)


def break_glass(config: Config, enforcer: Enforcer, sweeper: Sweeper) -> BreakGlass:
    """What a token may allow for some hours."""
    state = Path(config.agent.state_dir)
    verifier: TokenVerifier = (
        HelperVerifier(Helper(TOKEN_SECONDS, module=TOKEN_MODULE), str(state / LISTS))
        if config.allowlist.signed
        else NoVerifier()
    )
    return BreakGlass(
        enforcer,
        sweeper,
        store=GlassFile(state / "break-glass.json"),
        verifier=verifier,
        new_nonce=lambda: os.urandom(16).hex(),
    )


def list_keeper(
    config: Config, signed: HelperRepository | None, enforcer: Enforcer, sweeper: Sweeper
) -> ListKeeper:
    """The list's source, and the copy of the last good one."""
    if signed is not None:
        return ListKeeper(
            enforcer,
            sweeper,
            load=signed.load,
            last_good=signed.last_good,
            remember=lambda _: None,  # its generations are on the disk already
        )
    source = FileAllowlist(config.allowlist.path)
    kept = Path(config.agent.state_dir, "allowlist.last-good.json")

    def last_good() -> TrustedList | None:
        return FileAllowlist(kept).load() if kept.exists() else None

    def remember(adopted: TrustedList) -> None:
        if isinstance(adopted, Allowlist):
            info = adopted.info
            write_file(kept, dump(adopted.levels, info.sequence, info.contact), mode=0o600)

    return ListKeeper(enforcer, sweeper, load=source.load, last_good=last_good, remember=remember)


def watched(config: Config) -> list[str]:
    """Files on this host whose change means: there is a new list."""
    allowlist = config.allowlist
    if not allowlist.signed:
        return [allowlist.path]
    if allowlist.url.startswith("file://"):
        return [f"{allowlist.path.rstrip('/')}/metadata/timestamp.json"]
    return []


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
