"""admin set-password: accounts of the page; prints, decides nothing."""

import sys

import click

from collector import collector_clock
from collector.commands.common import Called, opened, person


@click.group()
def admin() -> None:
    """Manage the accounts of the page."""


@admin.command("set-password")
@click.option("--name", default="admin", show_default=True, help="The name of the account.")
@click.option("--role", type=click.Choice(["administrator", "reader"]), default="administrator",
              show_default=True)  # fmt: skip
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the password from standard input.")
@click.pass_obj
def set_password(called: Called, name: str, role: str, from_stdin: bool) -> None:
    """Make an account, or change its password and end its sessions."""
    from collector.model.accounts import Account, Role
    from collector.store.access import AccountBook
    from collector.web.login import hash_password

    password = (
        sys.stdin.readline().rstrip("\n")
        if from_stdin
        else click.prompt("Password", hide_input=True, confirmation_prompt=True)
    )
    if len(password) < 12:
        raise click.ClickException("a password needs 12 characters at least")
    account = Account(name, hash_password(password), Role(role))
    with opened(called) as database:
        AccountBook(database).set_account(account, person().who, collector_clock.now())
    click.echo(f"{name} may sign in as {role}")
