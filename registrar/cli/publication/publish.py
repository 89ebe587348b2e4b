"""`publish`: publishes everything that is signed, or nothing; then copies what it approves."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from core.base_errors import DockwardenError
from core.list_format.payload import SignedApproval
from core.terminal.printing import counted
from registrar import registrar_clock
from registrar.cli.images.fetch import bar, copied_text
from registrar.cli.images.image_options import registries_of, registry_options
from registrar.cli.registrar_options import (
    key_folder,
    keys_option,
    online_keys,
    passphrase_option,
    secret,
    workspace,
)
from registrar.cli.registrar_output import day, note, say
from registrar.images.fetching import missing, promote
from registrar.images.published import published_draft
from registrar.registry import Registries
from registrar.repository.plan import plan
from registrar.repository.publishing import publish as publish_all
from registrar.repository.publishing import readiness
from registrar.repository.switching import finish, mirror
from registrar.workspace import Draft, Workspace

FOUND: Final = 3  # exit code: an approved image is not where hosts look for it


@click.command()
@click.option(
    "--to", type=click.Path(path_type=Path), help="Also copy the repository to this folder."
)
@click.option(
    "--ready", is_flag=True, help="Publish what is completely signed, and leave the rest waiting."
)
@click.option(
    "--copy/--no-copy",
    default=True,
    show_default=True,
    help="Copy newly approved images from quarantine to where hosts pull them.",
)
@registry_options
@keys_option
@passphrase_option
def publish(
    *,
    to: Path | None,
    ready: bool,
    copy: bool,
    plain_http: bool,
    ca_file: Path | None,
    docker_config: Path | None,
    keys_directory: Path,
    passphrase_file: Path | None,
) -> None:
    """Publish what is signed; needs the online keys.

    The list comes first, so that a revocation never waits for a copy. Then, where registrar.toml
    names a registry, every approved image that is not yet there is copied from quarantine, and
    its digests are read back. The exit code is 3 if one could not be copied.
    """
    where, now = workspace(), registrar_clock.now()
    if finish(where):
        say("completed an interrupted publication")
    ask, folder = secret(passphrase_file), key_folder(keys_directory)
    roles = list(readiness(where, now).ready) if ready else None
    seen = publish_all(where, lambda: online_keys(where, folder, ask), now, roles=roles)
    if seen is None:
        say("nothing new to publish")
    else:
        for scope in seen.scopes:
            say(
                f"{scope.scope}: {counted(scope.approvals, 'approval')}, {scope.denies} denied,"
                f" signed by {', '.join(scope.signers)}, holds until {day(scope.expires_at)}"
            )
    if to is not None:
        copied = mirror(where.repository, to)
        say(f"{to}: {counted(len(copied), 'file')} copied")
    rest = plan(where, now)
    if rest.steps:
        say(f"not published, since it is not signed: {', '.join(rest.steps)}")
    if copy and not _copied(where, now, registries_of(plain_http, ca_file, docker_config)):
        raise SystemExit(FOUND)


def _copied(where: Workspace, now: datetime, registries: Registries) -> bool:
    """Whether every approved image is where hosts pull it from."""
    registry = where.rules().registry
    if registry is None:
        return True
    found = (published_draft(where.repository, scope) for scope in where.scopes())
    drafts = [draft for draft in found if draft is not None]
    approvals = {
        (one.repository, one.id): one
        for draft in drafts
        for one in draft.approvals.values()
        if one.expires_at > now and not _denied(one, draft.scope, drafts, now)
    }
    wanted = missing(list(approvals.values()), registry, registries)
    failed = 0
    for done in promote(wanted, registry, registries, bar):
        name = f"{done.approval.repository}@{done.approval.id}"
        if isinstance(done.outcome, DockwardenError):
            failed += 1
            note(f"{name}: not copied: {done.outcome.message}\n  fix: {done.outcome.hint}")
        else:
            say(f"{name}: {copied_text(done.outcome)}")
    return not failed


def _denied(approval: SignedApproval, scope: str, drafts: Sequence[Draft], now: datetime) -> bool:
    """Whether the scope or one above it denies the image."""
    content = approval.plain.digests
    return any(
        deny.digests & content and deny.holds(now)
        for draft in drafts
        if f"{scope}.".startswith(f"{draft.scope}.")
        for deny in draft.denies
    )
