"""The `dockwarden-collector` command: parses, prints, and calls what does the work."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from agent.domain.errors import DockwardenError
from agent.domain.text import printable
from collector import clock
from collector.config import DEFAULT_FILE, FILE_VARIABLE, PREFIX, Config, load

_EPILOG = f"""\b
Configuration: {DEFAULT_FILE} (or --config, or {FILE_VARIABLE}), then the environment:
each key as {PREFIX}TABLE_KEY, such as {PREFIX}DATABASE_URL.

Exit codes: 0 fine, 1 error, 2 wrong usage, 3 hosts need attention.
"""


@dataclass(slots=True)
class Called:
    """The common options; the configuration is read when it is first needed."""

    file: Path | None

    @property
    def config(self) -> Config:
        return load(self.file, os.environ)


class _Group(click.Group):
    """Turns an error that somebody named into words, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except DockwardenError as error:
            click.echo(f"dockwarden-collector: {error.message}", err=True)
            if error.hint:
                click.echo(f"  fix: {error.hint}", err=True)
            ctx.exit(1)


@click.group(
    cls=_Group,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--config", "file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help=f"Read this file instead of {DEFAULT_FILE}.",
)  # fmt: skip
@click.pass_context
def cli(ctx: click.Context, file: Path | None) -> None:
    """Receives the reports of all hosts, keeps them, and shows the fleet.

    \b
    First steps:
      dockwarden-collector check               are configuration and database right?
      dockwarden-collector admin set-password  an administrator for the page
      dockwarden-collector enrolment new       a secret with which hosts enrol
      dockwarden-collector serve               receive, and show the page
    """
    ctx.obj = Called(file)


_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


@cli.command()
@click.pass_obj
def serve(called: Called) -> None:
    """Receive reports and show the page, until stopped.

    SQLite's tables are made by themselves; for PostgreSQL run `migrate` first.
    """
    from collector.serving import serve as run

    run(called.config, called.file)


@cli.command()
@click.pass_obj
def migrate(called: Called) -> None:
    """Bring the database's tables to this version; safe to repeat.

    Update order: migrate first, then the replicas one by one.
    """
    from collector.store import partitions
    from collector.store.migrate import migrate as run

    with _database(called) as database:
        before, after = run(database)
        made = partitions.ensure(database, clock.now())
    same = before == after
    click.echo(f"tables: {after}, as before" if same else f"tables: {before or 'none'} -> {after}")
    if made:
        click.echo(f"partitions made: {len(made)}")


@cli.command()
@click.pass_obj
def check(called: Called) -> None:
    """Are the configuration and the database right? Changes no rows."""
    from collector.store.migrate import check_current

    config = called.config
    click.echo("configuration: fine")
    with _database(called) as database:
        check_current(database)
    click.echo(f"database: fine ({'SQLite' if database.is_sqlite else 'PostgreSQL'})")
    if not config.server.url.startswith("https:"):
        click.echo("note: [server] url is not https: tokens travel unencrypted")


@cli.command()
@click.pass_obj
def prune(called: Called) -> None:
    """Delete what is older than [retention] says now; `serve` does it each hour."""
    from collector.store.retention import Retention
    from collector.store.retention import prune as run

    config = called.config
    with _database(called) as database:
        done = run(database, Retention(**dict(config.retention)), clock.now())
    click.echo(
        f"deleted: {done.events} events, {len(done.partitions)} partitions,"
        f" {done.rollups} sums, {done.gaps} gaps, {done.audit} audit entries"
    )


@cli.command()
@click.option(
    "--status", type=click.Choice(["online", "degraded", "offline", "missing"]),
    help="Only these.",
)  # fmt: skip
@_json_option
@click.pass_obj
def hosts(called: Called, status: str | None, as_json: bool) -> None:
    """All hosts and where they stand; exit code 3 if any is not online."""
    from collector.store.fleet import FleetReader
    from collector.web.values import HostFilter, HostRow, HostStatus

    wanted = HostFilter(status=HostStatus(status) if status else None)
    found: list[HostRow] = []
    with _database(called) as database:
        after = ""
        while True:
            page = FleetReader(database).hosts(wanted, clock.now(), after, 1000)
            found += page.rows
            after = page.after
            if not after:
                break
    if as_json:
        click.echo(json.dumps([asdict(row) for row in found], default=str, indent=2))
    else:
        _table(
            ("HOST", "STATUS", "SCOPE", "LAST SEEN", "ID", "WHY"),
            [
                (r.name, str(r.status), r.scope,
                 f"{r.last_seen:%Y-%m-%d %H:%M}Z" if r.last_seen else "never", r.id,
                 "; ".join(r.reasons))
                for r in found
            ],
        )  # fmt: skip
    if any(row.status is not HostStatus.ONLINE for row in found):
        sys.exit(3)


@cli.group()
def enrolment() -> None:
    """Secrets with which hosts enrol."""


@enrolment.command("new")
@click.option("--note", default="", help="For whom or what it is; shown in the list.")
@click.option("--hours", type=click.FloatRange(0.01, 8760), default=24.0, show_default=True,
              help="For how long it is valid.")  # fmt: skip
@click.option("--uses", type=click.IntRange(1), help="How many hosts may use it [default: any].")
@click.pass_obj
def new(called: Called, note: str, hours: float, uses: int | None) -> None:
    """Make a secret; it is printed once, to standard output."""
    secret, text = _desk(
        called, lambda desk, by: desk.create(note, timedelta(hours=hours), uses, by, clock.now())
    )
    click.echo(f"valid until {secret.expires_at:%Y-%m-%d %H:%M}Z; id {secret.id}", err=True)
    click.echo(text)


@enrolment.command("list")
@_json_option
@click.pass_obj
def list_secrets(called: Called, as_json: bool) -> None:
    """All secrets, without their text."""
    found = _desk(called, lambda desk, _by: desk.secrets())
    if as_json:
        click.echo(json.dumps([asdict(secret) for secret in found], default=str, indent=2))
        return
    now = clock.now()
    _table(
        ("ID", "STATE", "USED", "UNTIL", "BY", "NOTE"),
        [
            (
                s.id,
                "revoked" if s.revoked_at else "expired" if s.expires_at <= now else "valid",
                f"{s.used}/{s.most_uses}" if s.most_uses else str(s.used),
                f"{s.expires_at:%Y-%m-%d %H:%M}Z",
                s.created_by,
                s.note,
            )
            for s in found
        ],
    )


@enrolment.command("revoke")
@click.argument("id")
@click.pass_obj
def revoke(called: Called, id: str) -> None:
    """Revoke a secret, or a host's token: ID is either's."""
    now = clock.now()
    if _desk(called, lambda d, by: d.revoke(id, by, now) or d.revoke_host(id, by, now)):
        click.echo("revoked")
        return
    raise click.ClickException(f"no secret or token in force has the id {printable(id)}")


@cli.group()
def admin() -> None:
    """Accounts of the page."""


@admin.command("set-password")
@click.option("--name", default="admin", show_default=True, help="The account.")
@click.option("--role", type=click.Choice(["administrator", "reader"]), default="administrator",
              show_default=True)  # fmt: skip
@click.option("--stdin", "from_stdin", is_flag=True, help="Read it from standard input.")
@click.pass_obj
def set_password(called: Called, name: str, role: str, from_stdin: bool) -> None:
    """Make an account or change its password; all its sessions end."""
    from collector.store.access import AccountBook
    from collector.web.accounts import Account, Role
    from collector.web.login import hash_password

    password = (
        sys.stdin.readline().rstrip("\n")
        if from_stdin
        else click.prompt("Password", hide_input=True, confirmation_prompt=True)
    )
    if len(password) < 12:
        raise click.ClickException("a password needs 12 characters at least")
    account = Account(name, hash_password(password), Role(role))
    with _database(called) as database:
        AccountBook(database).set_account(account, _person().who, clock.now())
    click.echo(f"{name} may sign in as {role}")


def _person() -> Any:
    from collector.store.desk import Person

    return Person(f"command line ({os.environ.get('SUDO_USER') or os.environ.get('USER', 'root')})")


class _database:
    """The database of the configuration, migrated if it is SQLite; closed afterwards."""

    def __init__(self, called: Called) -> None:
        self._config = called.config

    def __enter__(self) -> Any:
        from collector.opening import open_database
        from collector.store.migrate import migrate as run

        self._database = open_database(self._config)
        if self._database.is_sqlite:
            run(self._database)
        return self._database

    def __exit__(self, *_: object) -> None:
        self._database.close()


def _desk(called: Called, do: Callable[[Any, Any], Any]) -> Any:
    from collector.store.desk import EnrolmentDesk

    with _database(called) as database:
        return do(EnrolmentDesk(database), _person())


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    cells = [head, *[tuple(printable(cell) for cell in row) for row in rows]]
    widths = [max(len(row[n]) for row in cells) for n in range(len(head))]
    for row in cells:
        line = "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True))
        click.echo(line.rstrip())


def main() -> None:
    """The script's entry point."""
    cli(prog_name="dockwarden-collector")
