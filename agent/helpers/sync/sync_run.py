"""`sync`: one request, one answer, whatever happens; knows what can go wrong, not how it works."""

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Final

from tuf.api.exceptions import DownloadError, RepositoryError

from agent.errors import AllowlistRejected
from agent.helpers.sync.deadline import DeadlinePassed
from agent.helpers.sync.generations import Generations, locked
from agent.helpers.sync.summary import read_summary
from agent.helpers.sync.sync_request import Request, SyncReport
from agent.helpers.sync.sync_steps import SyncSteps
from agent.helpers.sync.tuf.scopes import told
from core.allowlist.document import check_scope
from core.base_errors import DockwardenError
from core.list_format.payload import EMERGENCY

_YEAR_10000: Final = 253_402_300_800  # seconds since 1970


def sync(request: Request) -> SyncReport:
    """Bring this host's list up to date, or keep the last good one and say why. Never raises:
    what went wrong is `SyncReport.error`, with the fix in `hint`."""
    directory = Path(request.directory)
    try:
        chain = _checked(request)
        with locked(directory):
            generations = Generations(directory)
            staging = generations.stage()
            try:
                return SyncSteps(request, generations, staging, chain).run()
            finally:
                generations.discard(staging)
    except DockwardenError as error:
        return _kept(directory, error.message, error.hint)
    except DownloadError as error:
        return _kept(directory, told(error), f"see whether {request.source} can be reached")
    except RepositoryError as error:
        return _kept(directory, told(error), "publish the repository again")
    except (OSError, sqlite3.Error) as error:
        return _kept(directory, told(error), f"check the disk under {directory}")
    except DeadlinePassed:
        seconds = request.deadline_seconds
        return _kept(directory, f"not done after {seconds:g} s", "allow the sync more time")
    except Exception as error:  # noqa: BLE001 - the one place that keeps the promise never to raise
        return _kept(directory, f"{type(error).__name__}: {error}", "report this as a bug")


def chain_of(scope: str) -> list[str]:
    """A scope and its ancestors, the organization first; raises `InvalidAllowlist`."""
    words = scope.split(".")
    chain = [".".join(words[: i + 1]) for i in range(len(words))]
    for i, name in enumerate(chain):
        check_scope("scope", name, chain[i - 1] if i else None)
    return chain


def _checked(request: Request) -> list[str]:
    """The chain of a request that can be done."""
    if not request.source.startswith(("https://", "http://", "file://")):
        raise AllowlistRejected(
            f"source: {request.source[:100]!r} is not an address of a repository",
            hint="write https://, http:// or file:// and where it is",
        )
    if not 0 <= request.now < _YEAR_10000:
        raise AllowlistRejected(f"now: {request.now} is not a time", hint="set this host's clock")
    chain = chain_of(request.scope)
    if chain[0] in (EMERGENCY, "root", "targets", "snapshot", "timestamp"):
        raise AllowlistRejected(
            f"scope: {chain[0]} is not an organization", hint="set this host's own scope"
        )
    return chain


def _kept(directory: Path, error: str, hint: str) -> SyncReport:
    """The present state, with what went wrong."""
    try:
        generation = Generations(directory)
        found = read_summary(generation.in_force) if generation.in_force else None
        number = generation.current
    except OSError:
        found, number = None, 0
    found = replace(found or SyncReport(number, False), generation=number, changed=False)
    return replace(found, error=error, hint=hint)
