"""`dockwarden reload`: has the running agent read its configuration again, and says what came."""

from pathlib import Path

import click

from agent.cli.options import config_option, control_socket, output_option
from agent.cli.output import note
from core.terminal.printing import emit_json

_SECONDS = 70.0  # the agent gives the reading process sixty


@click.command()
@config_option
@output_option
def reload(config_file: Path | None, output: str) -> None:
    """Make the running agent adopt a changed configuration, as SIGHUP does.

    The agent reads the files that it was started with. If anything in them is wrong, it keeps its
    configuration, and this command prints the errors and exits with 1. Mode, contact, log level,
    [enforcement], [circuit_breaker] and the gate's times change at once, without a gap. The command
    names other changed keys, which need a restart of the agent.

    \b
    Examples:
      sudo dockwarden reload
      sudo systemctl reload dockwarden
    """
    from agent.adapters.control_socket import call

    answer = call(control_socket(config_file), "reload", {}, _SECONDS)
    if output == "json":
        emit_json(answer)
        return
    changed, waiting = answer.get("changed") or [], answer.get("needs_restart") or []
    if changed:
        click.echo(f"in force now: {', '.join(changed)}")
    if waiting:
        note(f"changed but needs a restart: {', '.join(waiting)}")
    if not changed and not waiting:
        click.echo("The configuration is unchanged.")
