"""The `dockwarden` command: its subcommands, by the module that each is in."""

import click

from core.terminal.command_group import Commands

# In the order in which they are met.
_COMMANDS_AT = {
    "run": "agent.cli.run:run",
    "reload": "agent.cli.reload_command:reload",
    "status": "agent.cli.status:status",
    "doctor": "agent.cli.host.doctor:doctor",
    "selftest": "agent.cli.host.selftest_command:selftest",
    "support-bundle": "agent.cli.host.support_bundle_command:support_bundle",
    "ps": "agent.cli.containers.ps:ps",
    "check": "agent.cli.containers.check:check",
    "explain": "agent.cli.containers.explain:explain",
    "violations": "agent.cli.containers.violations:violations",
    "config": "agent.cli.config:config",
    "plan": "agent.cli.host.lockdown_commands:plan",
    "apply": "agent.cli.host.lockdown_commands:apply",
    "restore": "agent.cli.host.lockdown_commands:restore",
    "sync": "agent.cli.lists.sync:sync",
    "allowlist": "agent.cli.lists.allowlist_commands:allowlist",
    "enrol": "agent.cli.host.enrol:enrol",
    "spool": "agent.cli.host.spool_commands:spool",
    "circuit-breaker": "agent.cli.containers.circuit_breaker_commands:circuit_breaker",
    "break-glass": "agent.cli.lists.break_glass_commands:break_glass",
    "version": "agent.cli.version:version",
}


@click.group(
    "dockwarden",
    cls=Commands,
    commands_at=_COMMANDS_AT,
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
