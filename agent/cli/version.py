"""`dockwarden version`."""

import click

from core import __version__
from core.terminal.printing import emit_json


@click.command()
@click.option("--output", "-o", type=click.Choice(["table", "json"]), default="table")
def version(output: str) -> None:
    """Print the version."""
    if output == "json":
        emit_json({"version": __version__})
    else:
        click.echo(f"dockwarden {__version__}")
