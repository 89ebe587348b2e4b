"""The `dockwarden-collector` command: its subcommands, by the module that each is in."""

from pathlib import Path

import click

from collector.collector_config import DEFAULT_FILE, FILE_VARIABLE, PREFIX
from collector.commands.common import Called
from core.terminal.command_group import Commands

# In the order in which they are met.
_COMMANDS_AT = {
    "serve": "collector.commands.serve_commands:serve",
    "check": "collector.commands.serve_commands:check",
    "migrate": "collector.commands.serve_commands:migrate",
    "hosts": "collector.commands.fleet_commands:hosts",
    "violations": "collector.commands.fleet_commands:violations",
    "enrolment": "collector.commands.enrolment:enrolment",
    "admin": "collector.commands.admin:admin",
    "prune": "collector.commands.serve_commands:prune",
}

_EPILOG = f"""\b
Configuration: {DEFAULT_FILE} (or --config, or {FILE_VARIABLE}), then the environment:
each key as {PREFIX}TABLE_KEY, such as {PREFIX}DATABASE_URL.

Exit codes: 0 success, 1 error, 2 wrong usage, 3 hosts need attention.
"""


@click.group(
    "dockwarden-collector",
    cls=Commands,
    commands_at=_COMMANDS_AT,
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


def main() -> None:
    """The script's entry point."""
    cli(prog_name="dockwarden-collector")
