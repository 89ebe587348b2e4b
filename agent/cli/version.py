"""`dockwarden version`."""

import click

from agent import __version__
from agent.cli.output import emit_json


@click.command()
@click.option("--output", "-o", type=click.Choice(["table", "json"]), default="table")
def version(output: str) -> None:
    """Print the version."""
    if output == "json":
        emit_json({"version": __version__})
    else:
        click.echo(f"dockwarden {__version__}")
