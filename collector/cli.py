"""The `dockwarden-collector` command: its subcommands, and errors in words."""

from pathlib import Path
from typing import Any

import click

from collector.collector_config import DEFAULT_FILE, FILE_VARIABLE, PREFIX
from collector.commands.admin import admin
from collector.commands.common import Called
from collector.commands.enrolment import enrolment
from collector.commands.fleet_commands import hosts, violations
from collector.commands.serve_commands import check, migrate, prune, serve
from core.base_errors import DockwardenError

_EPILOG = f"""\b
Configuration: {DEFAULT_FILE} (or --config, or {FILE_VARIABLE}), then the environment:
each key as {PREFIX}TABLE_KEY, such as {PREFIX}DATABASE_URL.

Exit codes: 0 success, 1 error, 2 wrong usage, 3 hosts need attention.
"""


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
    """Receive the reports of all hosts, store them, and show the fleet.

    \b
    First steps:
      dockwarden-collector check               are configuration and database right?
      dockwarden-collector admin set-password  an administrator for the page
      dockwarden-collector enrolment new       a secret with which hosts enrol
      dockwarden-collector serve               receive, and show the page
    """
    ctx.obj = Called(file)


for command in (serve, check, migrate, hosts, violations, enrolment, admin, prune):
    cli.add_command(command)


def main() -> None:
    """The script's entry point."""
    cli(prog_name="dockwarden-collector")
