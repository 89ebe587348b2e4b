"""Makes what brings the allowlist here, keeps it up to date and in force; also for the CLI."""

import os
import random
from datetime import UTC, datetime
from pathlib import Path

from agent.adapters.allowlist_file import FileAllowlist, dump
from agent.adapters.list_sync import (
    BreakGlassFile,
    Helper,
    HelperRepository,
    HelperVerifier,
    NoVerifier,
)
from agent.config import Config
from agent.enforcement.enforce import Enforcer
from agent.enforcement.rescan import Rescanner
from agent.helpers.sync.sync_request import Request
from agent.log import get_logger
from agent.policy.break_glass import BreakGlass
from agent.policy.list_loader import ListKeeper
from agent.policy.list_syncer import Periods, Syncer
from agent.ports import TokenVerifier, TrustedList
from core.allowlist.allowlist import Allowlist
from core.base_errors import DockwardenError
from core.durable import write_file

log = get_logger(__name__)

LISTS = "allowlist"  # below the state directory: the generations of a signed list
HELPER_GRACE = 10.0  # s that the sync helper has to end by itself after its deadline
TOKEN_MODULE = "agent.helpers.sync.token"
TOKEN_SECONDS = 25.0


def repository(config: Config) -> HelperRepository | None:
    """The signed list; None where the list is an unsigned file."""
    allowlist = config.allowlist
    if not allowlist.signed:
        return None
    from agent.adapters.signed_list import SignedList
    from agent.helpers.sync.summary import read_summary

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
        open_list=SignedList,
    )


def _lowest_time(directory: Path) -> datetime | None:
    from agent.helpers.sync.tuf.rollback_floor import load_rollback_floor

    try:
        seconds = load_rollback_floor(directory).time
        return datetime.fromtimestamp(seconds, UTC) if seconds else None
    except (DockwardenError, OSError, ValueError, OverflowError) as error:
        log.warning("list.floor_unusable", error=str(error))  # the helper refuses to sync by it
        return None


def syncer(
    config: Config,
    source: HelperRepository | None,
    lists: ListKeeper,
    enforcer: Enforcer,
    rescanner: Rescanner,
) -> Syncer | None:
    """What keeps a signed list up to date."""
    if source is None:
        return None
    periods = Periods(config.allowlist.poll_seconds, config.allowlist.refresh_seconds)
    return Syncer(
        source,
        lists,
        enforcer,
        rescanner,
        periods=periods,
        spread=random.uniform,
        source=config.allowlist.source,
    )


def break_glass(config: Config, enforcer: Enforcer, rescanner: Rescanner) -> BreakGlass:
    """What a token may allow for some hours."""
    state = Path(config.agent.state_dir)
    verifier: TokenVerifier = (
        HelperVerifier(Helper(TOKEN_SECONDS, module=TOKEN_MODULE), str(state / LISTS))
        if config.allowlist.signed
        else NoVerifier()
    )
    return BreakGlass(
        enforcer,
        rescanner,
        store=BreakGlassFile(state / "break-glass.json"),
        verifier=verifier,
        new_nonce=lambda: os.urandom(16).hex(),
    )


def list_keeper(
    config: Config, signed: HelperRepository | None, enforcer: Enforcer, rescanner: Rescanner
) -> ListKeeper:
    """The list's source, and the copy of the last good one."""
    if signed is not None:
        return ListKeeper(
            enforcer,
            rescanner,
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

    return ListKeeper(enforcer, rescanner, load=source.load, last_good=last_good, remember=remember)


def watched(config: Config) -> list[str]:
    """Files on this host whose change means: there is a new list."""
    allowlist = config.allowlist
    if not allowlist.signed:
        return [allowlist.path]
    if allowlist.url.startswith("file://"):
        return [f"{allowlist.path.rstrip('/')}/metadata/timestamp.json"]
    return []
