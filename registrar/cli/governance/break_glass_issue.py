"""`break-glass`: a signed token that keeps one host from stopping containers for a few hours."""

from pathlib import Path

import click

from core.durable import write_file
from registrar.cli.registrar_options import (
    enrolled,
    key_folder,
    keys_option,
    passphrase_option,
    secret,
)
from registrar.cli.registrar_output import note
from registrar.images.break_glass_tokens import check_taken, envelope, one_word, token_for
from registrar.images.durations import readable
from registrar.images.published import published_draft
from registrar.registrar_clock import now as read_clock
from registrar.workspace import Workspace


@click.group(name="break-glass")
def break_glass() -> None:
    """Keep one host from stopping containers while the list prevents an urgent repair."""


@break_glass.command()
@click.option("--host", required=True, help="The host's id, as `break-glass request` prints it.")
@click.option(
    "--nonce", required=True, help="The nonce that `break-glass request` prints; it works once."
)
@click.option(
    "--hours",
    type=float,
    default=4.0,
    show_default=True,
    help="How many hours the token holds, at most 4.",
)
@click.option(
    "--key", "name", required=True, help="The enrolled break-glass key that signs the token."
)
@click.option("--reason", required=True, help="Why the token is issued; the host reports it.")
@click.option("--issued-by", help="Who issues the token; default: the key's name.")
@keys_option
@passphrase_option
@click.option(
    "--to", type=click.Path(dir_okay=False, path_type=Path), help="Write the token to this file."
)
@click.pass_obj
def issue(
    path: Path,
    *,
    host: str,
    nonce: str,
    hours: float,
    name: str,
    reason: str,
    issued_by: str | None,
    keys_directory: Path,
    passphrase_file: Path | None,
    to: Path | None,
) -> None:
    """Issue a token for one host and one nonce.

    \b
    On the host:  dockwarden break-glass request
    Here:         break-glass issue --host … --nonce … --hours 2 --key duty --reason "INC-42"
    On the host:  dockwarden break-glass apply TOKEN
    """
    workspace = Workspace.open(path)
    known = enrolled(workspace.keys(), name)
    organization = workspace.rules().organization
    published = published_draft(workspace.repository, organization)
    said = published if published else workspace.draft(organization)
    check_taken(known.keyid, name, said.policy, organization)
    token = token_for(
        host,
        nonce,
        hours,
        reason=reason,
        issued_by=issued_by or name,
        now=read_clock(),
    )
    signer = key_folder(keys_directory).signer(known, secret(passphrase_file))
    signed = envelope(token, signer)
    note(f"{host} stops nothing until {readable(token.expires_at)}; it ends by itself.")
    if to:
        write_file(to, signed + b"\n", mode=0o600)
        note(f"On the host: dockwarden break-glass apply {to.name}")
    else:
        click.echo(one_word(signed))
