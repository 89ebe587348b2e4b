"""`sign`: shows what an administrator is about to sign, asks, signs."""

from pathlib import Path

import click

from registrar import registrar_clock
from registrar.cli.publication.review import changes_of, show
from registrar.cli.registrar_options import (
    key_folder,
    keys_option,
    passphrase_option,
    secret,
    workspace,
)
from registrar.cli.registrar_output import say
from registrar.repository.plan import plan
from registrar.repository.signing import sign as sign_all
from registrar.repository.signing import signing


@click.command()
@click.option("--key", "name", required=True, help="The name of the key that signs.")
@click.option("--role", "roles", multiple=True, help="Sign this scope or role only. Repeatable.")
@click.option(
    "--yes", is_flag=True, help="Do not ask for confirmation: you have read it in `review`."
)
@keys_option
@passphrase_option
def sign(
    name: str,
    roles: tuple[str, ...],
    yes: bool,
    keys_directory: Path,
    passphrase_file: Path | None,
) -> None:
    """Show what waits for your signature, ask, and sign it."""
    where = workspace()
    prepared = plan(where, registrar_clock.now())
    wanted = signing(prepared, where.keys(), name, roles)
    if not wanted.roles:
        say(f"nothing waits for {name}'s signature")
        return
    show(prepared, changes_of(prepared, wanted.roles), whole=True)
    for role in wanted.roles:
        if role in prepared.outdated & prepared.fresh:
            say(f"{role}: it changed since others signed; they have to sign it again")
    if not yes:
        click.confirm(f"Sign this as {name}?", abort=True, err=True)
    folder, ask = key_folder(keys_directory), secret(passphrase_file)
    sign_all(where, prepared, wanted, lambda: folder.signer(wanted.key, ask))
    after = plan(where, registrar_clock.now())
    for role in wanted.roles:
        for count in after.signature_statuses(role):
            say(count.words())
