"""`dockwarden ps`: containers with their verdicts, from the running agent."""

from pathlib import Path

import click

from agent.cli.options import CALL_SECONDS, config_option, control_socket, output_option
from core.terminal.printing import emit_json, emit_table

_COLUMNS = ("id", "name", "image", "state", "verdict", "action")


@click.command()
@config_option
@output_option
def ps(config_file: Path | None, output: str) -> None:
    """List the containers of this host with their verdicts.

    IMAGE is what a user typed at the start; the verdict is about the image's digest, not that name.
    ACTION is what the agent does about the verdict; `dockwarden explain NAME` says why.

    \b
    Examples:
      sudo dockwarden ps
      sudo dockwarden ps -o json | jq '.[] | select(.verdict != "approved")'
    """
    from agent.adapters.control_socket import call

    rows = call(control_socket(config_file), "ps", {}, CALL_SECONDS)
    if output == "json":
        emit_json(rows)
    elif rows:
        shorten = [{**row, "id": str(row.get("id", ""))[:12]} for row in rows]
        emit_table(_COLUMNS, [[row.get(column) for column in _COLUMNS] for row in shorten])
    else:
        click.echo("No containers.")
