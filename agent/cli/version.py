"""`dockwarden version`."""

import click

from agent.cli.output import emit_json
from core import __version__


@click.command()
@click.option("--output", "-o", type=click.Choice(["table", "json"]), default="table")
def version(output: str) -> None:
    """Print the version."""
    if output == "json":
        emit_json({"version": __version__})
    else:
        click.echo(f"dockwarden {__version__}")
