"""`break-glass`: a signed token that keeps one host from stopping containers for a few hours."""

import os
from pathlib import Path

import click

from agent.durable import write_file
from registrar.cli.output import note
from registrar.clock import now as read_clock
from registrar.errors import KeyUnusable
from registrar.images.glass import check_taken, envelope, one_word, token_for
from registrar.images.published import published_draft
from registrar.images.spans import told
from registrar.repository.keys import KeyFolder
from registrar.workspace import Workspace


@click.group(name="break-glass")
def break_glass() -> None:
    """Help one host through the hour in which the list itself is in the way."""


@break_glass.command()
@click.option("--host", required=True, help="The host's id, as `break-glass request` prints it.")
@click.option("--nonce", required=True, help="The nonce that it prints; each works once.")
@click.option("--hours", type=float, default=4.0, show_default=True, help="At most 4.")
@click.option("--key", "name", required=True, help="The enrolled break-glass key.")
@click.option("--reason", required=True, help="Why; the host reports it.")
@click.option("--issued-by", help="Who issues it; default: the key's name.")
@click.option(
    "--keys",
    envvar="DOCKWARDEN_KEYS",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path.home() / ".config/dockwarden/keys",
    show_default="~/.config/dockwarden/keys",
    help="The folder of private keys.",
)
@click.option("--passphrase-file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--to", type=click.Path(dir_okay=False, path_type=Path), help="Into this file.")
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
    keys: Path,
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
    known = workspace.keys()
    if name not in known:
        raise KeyUnusable(
            f"--key: no key {name[:60]!r} is enrolled", hint=f"known are {', '.join(known)}"
        )
    organization = workspace.rules().organization
    published = published_draft(workspace.repository, organization)
    said = published if published else workspace.draft(organization)
    check_taken(known[name].keyid, name, said.policy, organization)
    token = token_for(
        host,
        nonce,
        hours,
        reason=reason,
        issued_by=issued_by or name,
        now=read_clock(),
    )
    secret = _passphrase(passphrase_file)
    signed = envelope(token, KeyFolder(keys).signer(known[name], lambda what: secret or _ask(what)))
    note(f"{host} stops nothing until {told(token.expires_at)}; it ends by itself.")
    if to:
        write_file(to, signed + b"\n", mode=0o600)
        note(f"On the host: dockwarden break-glass apply {to.name}")
    else:
        click.echo(one_word(signed))


def _passphrase(file: Path | None) -> str:
    if file:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    return os.environ.get("DOCKWARDEN_PASSPHRASE", "")


def _ask(what: str) -> str:
    return str(click.prompt(what, hide_input=True, err=True))
