"""`publish`: publishes everything that is signed, or nothing."""

from pathlib import Path

import click

from core.terminal.printing import counted
from registrar import registrar_clock
from registrar.cli.registrar_options import (
    key_folder,
    keys_option,
    online_keys,
    passphrase_option,
    secret,
    workspace,
)
from registrar.cli.registrar_output import day, say
from registrar.repository.plan import plan
from registrar.repository.publishing import publish as publish_all
from registrar.repository.publishing import readiness
from registrar.repository.switching import finish, mirror


@click.command()
@click.option(
    "--to", type=click.Path(path_type=Path), help="Also copy the repository to this folder."
)
@click.option(
    "--ready", is_flag=True, help="Publish what is completely signed, and leave the rest waiting."
)
@keys_option
@passphrase_option
def publish(
    to: Path | None, ready: bool, keys_directory: Path, passphrase_file: Path | None
) -> None:
    """Publish what is signed; needs the online keys."""
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
