"""The `dockwarden` command: finds its subcommands and turns errors into words and exit codes.

Each subcommand's module is imported only when it is asked for, and imports what it needs itself.
"""

import importlib
from typing import Any

import click

from agent.cli.output import complain
from core.base_errors import DockwardenError

# Name on the command line: module that holds a command of the same name (with _ for -).
_COMMANDS = {
    "run": "agent.cli.run",
    "reload": "agent.cli.reload_command",
    "status": "agent.cli.status",
    "doctor": "agent.cli.host.doctor",
    "selftest": "agent.cli.host.selftest_command",
    "support-bundle": "agent.cli.host.support_bundle_command",
    "ps": "agent.cli.containers.ps",
    "check": "agent.cli.containers.check",
    "explain": "agent.cli.containers.explain",
    "violations": "agent.cli.containers.violations",
    "config": "agent.cli.config",
    "plan": "agent.cli.host.lockdown_commands",
    "apply": "agent.cli.host.lockdown_commands",
    "restore": "agent.cli.host.lockdown_commands",
    "sync": "agent.cli.lists.sync",
    "allowlist": "agent.cli.lists.allowlist_commands",
    "enrol": "agent.cli.host.enrol",
    "spool": "agent.cli.host.spool_commands",
    "circuit-breaker": "agent.cli.containers.circuit_breaker_commands",
    "break-glass": "agent.cli.lists.break_glass_commands",
    "version": "agent.cli.version",
}


class Commands(click.Group):
    """Subcommands by name, in the order in which an operator meets them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All names."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command of that name, imported now."""
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(_COMMANDS[cmd_name])
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an expected error is reported without a traceback."""
        try:
            return super().invoke(ctx)
        except DockwardenError as error:
            complain(error)
            ctx.exit(1)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 success, 1 error, 2 wrong usage, 3 violations or drift found.",
)
def cli() -> None:
    """Let this Docker host run approved container images and nothing else.

    \b
    First steps:
      dockwarden config validate     check the configuration
      dockwarden check nginx:1.27    would this image be allowed here?
      dockwarden run --mode observe  evaluate and report, touch nothing
      dockwarden status              show the state of the agent
    """


def main() -> None:
    """The script's entry point."""
    cli(prog_name="dockwarden")
