"""`init`: makes a workspace; for a single person also the whole first ceremony."""

from dataclasses import replace
from pathlib import Path

import click

from registrar import registrar_clock
from registrar.cli.registrar_options import (
    key_folder,
    keys_option,
    online_keys,
    passphrase_option,
    secret,
)
from registrar.cli.registrar_output import say
from registrar.keys.key_folder import KeyFolder, Secret
from registrar.repository.plan import plan
from registrar.repository.publishing import publish
from registrar.repository.signing import sign, signing
from registrar.workspace import Workspace
from registrar.workspace.membership import ADMINISTRATOR
from registrar.workspace.private_registry import read_registry
from registrar.workspace.starting import start_workspace

_SOLO = "solo"
_ONLINE = {"online-snapshot": "snapshot", "online-timestamp": "timestamp"}


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--organization",
    default="acme",
    show_default=True,
    help="The name of the organization, which is the top scope.",
)
@click.option(
    "--registry",
    "address",
    help="The private registry that `fetch` copies images to, such as registry.acme.example.",
)
@click.option("--solo", is_flag=True, help="For one person: make one key, sign and publish now.")
@click.option("--git/--no-git", default=True, show_default=True, help="Keep the history in git.")
@keys_option
@passphrase_option
def init(
    directory: Path,
    *,
    organization: str,
    address: str | None,
    solo: bool,
    git: bool,
    keys_directory: Path,
    passphrase_file: Path | None,
) -> None:
    """Make the administrators' workspace DIRECTORY.

    With --solo, one key signs everything and the command publishes an empty list at once. Without
    it, the administrators enroll their keys next: see docs/registry.md, "The first ceremony".
    """
    ask = _once(secret(passphrase_file, confirm=True))
    folder = key_folder(keys_directory, new=directory)
    if solo:
        for name in (_SOLO, *_ONLINE):
            folder.check_free(name)
        ask("Passphrase for the new keys")
    registry = read_registry("--registry", {"address": address}) if address else None
    workspace = start_workspace(directory, organization, registry, solo=solo, git=git)
    say(f"{directory}: made, for the organization {organization}")
    if not solo:
        root = workspace.rules().roles["root"].threshold
        say(f"next: each administrator runs `key new NAME --role {ADMINISTRATOR}`; {root} have to")
        say(f"sign at the top. The publishing machine runs `key new` for {' and '.join(_ONLINE)}.")
        return
    _enroll(workspace, organization, folder, ask)
    prepared = plan(workspace, registrar_clock.now())
    wanted = signing(prepared, workspace.keys(), _SOLO)
    sign(workspace, prepared, wanted, lambda: folder.signer(wanted.key, ask))
    publish(workspace, lambda: online_keys(workspace, folder, ask), registrar_clock.now())
    say(f"keys: {folder.directory} (encrypted; keep a copy elsewhere, and the passphrase)")
    say(f"serve {workspace.repository} by any web server")
    say(f"give every host {workspace.repository}/metadata/1.root.json")
    say("every hour: dockwarden-registrar timestamp")


def _enroll(workspace: Workspace, organization: str, folder: KeyFolder, ask: Secret) -> None:
    key = folder.create(_SOLO, ask(""))
    members = workspace.members().joined(_SOLO, ["root", "targets", "emergency"])
    workspace.save_members(members, f"{_SOLO} joins", key=key)
    rule = members.rules.scopes
    scope = replace(rule, rule=replace(rule.rule, keys=(_SOLO,)))
    workspace.save_scope_rule(organization, scope, f"Scope {organization}")
    for name, role in _ONLINE.items():
        online = folder.create(name, ask(""))
        members = workspace.members().joined(name, [role])
        workspace.save_members(members, f"{name} signs {role}", key=online)


def _once(ask: Secret) -> Secret:
    """Asks a person once for all new keys."""
    known: list[str] = []

    def answer(prompt: str) -> str:
        if not known:
            known.append(ask(prompt))
        return known[0]

    return answer
