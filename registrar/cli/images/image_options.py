"""Options and small helpers that the verbs about images share; prints progress, nothing else."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from core.list_format.payload import EMERGENCY
from registrar.images.approving import NotApproved
from registrar.registry import Registries
from registrar.workspace import Draft, Workspace

F = TypeVar("F", bound=Callable[..., Any])

scope_option = click.option("--scope", required=True, help="The level, such as acme.pay.")
reason_option = click.option("--reason", required=True, help="The reason, which hosts show.")
approver_option = click.option(
    "--approver",
    envvar="DOCKWARDEN_APPROVER",
    help="The name of the key with which you will sign; optional if the scope has only one.",
)
yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")


def registry_options(command: F) -> F:
    """How the registrar connects to registries."""
    for option in (
        click.option(
            "--docker-config",
            type=click.Path(path_type=Path),
            help="Credentials from this config.json instead of docker's own.",
        ),
        click.option(
            "--ca-file",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="Certificates to trust instead of the system's.",
        ),
        click.option("--plain-http", is_flag=True, help="Connect to registries without TLS."),
    ):
        command = option(command)
    return command


def registries_of(plain_http: bool, ca_file: Path | None, docker_config: Path | None) -> Registries:
    """The registries that these options mean."""
    return Registries(plain_http=plain_http, ca_file=ca_file, docker_config=docker_config)


def all_drafts(workspace: Workspace, scope: str = "") -> list[Draft]:
    """The drafts of every scope, or of one and those below it."""
    names = workspace.scopes()
    if scope and scope != EMERGENCY:
        workspace.scope_rule(scope)  # raises for an unknown one
        names = [name for name in names if name == scope or name.startswith(f"{scope}.")]
    return [workspace.draft(name) for name in names]


def approver_of(workspace: Workspace, scope: str, named: str | None) -> str:
    """The enrolled key that signs for the scope. Raises `NotApproved`."""
    allowed = workspace.scope_rule(scope).rule.keys
    if named is None and len(allowed) == 1:
        return allowed[0]
    if named in allowed:
        return str(named)
    known = ", ".join(allowed) or "nobody yet: `scope add --key NAME`"
    what = "--approver is missing" if named is None else f"--approver: {named!r} does not sign for"
    raise NotApproved(
        what if named is None else f"{what} {scope}",
        hint=f"name your key, which must be one of those that sign for {scope}: {known}",
    )


def progress(done: int, total: int) -> None:
    """`12 of 200 resolved`, on a terminal in one line, else every tenth."""
    if total < 2:
        return
    if sys.stderr.isatty():
        click.echo(f"\r{done} of {total} resolved", nl=done == total, err=True)
    elif done == total or done % 10 == 0:
        click.echo(f"{done} of {total} resolved", err=True)


def one_line(text: str) -> str:
    """For the message of a commit."""
    return " ".join(text.split())
