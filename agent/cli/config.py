"""`dockwarden config`: is it right, and where does each value come from?"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.options import config_option, inputs, output_option
from agent.cli.output import complain, emit_json, note
from agent.errors import ConfigInvalid

if TYPE_CHECKING:
    from agent.config.load import Loaded


@click.group()
def config() -> None:
    """Check or show the configuration.

    \b
    Layers, the later one wins:
      defaults
      /etc/dockwarden/agent.toml
      /etc/dockwarden/conf.d/*.toml         in name order
      DOCKWARDEN_<TABLE>__<KEY>             environment
      $CREDENTIALS_DIRECTORY/dockwarden.<table>.<key>
      options of the command
    """


@config.command()
@config_option
@output_option
@click.pass_context
def validate(ctx: click.Context, config_file: Path | None, output: str) -> None:
    """Check every layer and name every error at once, with file, key and fix.

    \b
    Examples:
      dockwarden config validate
      dockwarden config validate --config ./agent.toml
    """
    from agent.config.load import load

    try:
        loaded = load(inputs(config_file))
    except ConfigInvalid as error:
        if output == "json":
            emit_json({"valid": False, "problems": error.problems})
        else:
            complain(error)
        ctx.exit(1)
    if output == "json":
        emit_json({"valid": True, "problems": [], "files": loaded.files})
        return
    files = ", ".join(loaded.files) or "no file, defaults only"
    click.echo(f"The configuration is valid ({files}); mode {loaded.config.agent.mode}.")
    _note_expired(loaded)


@config.command()
@click.option("--origin", is_flag=True, help="Tell for each key which layer set it.")
@config_option
@output_option
def show(config_file: Path | None, output: str, origin: bool) -> None:
    """Show every key with its value, as TOML that can be used as a file.

    Values that came as systemd credentials are hidden.

    \b
    Examples:
      dockwarden config show --origin
      dockwarden config show -o json | jq .enforcement
    """
    from agent.config.load import load
    from agent.config.show import as_toml, as_tree

    loaded = load(inputs(config_file))
    if output == "json":
        emit_json(as_tree(loaded, origin=origin))
    else:
        click.echo(as_toml(loaded, origin=origin), nl=False)


def _note_expired(loaded: "Loaded") -> None:
    from agent.adapters.clock import SystemClock

    now = SystemClock().now()
    for exemption in loaded.config.enforcement.exemptions:
        if exemption.expires_at <= now:
            when = exemption.expires_at.isoformat()
            note(f"the exemption of {exemption.digest} ended at {when}: renew or remove it")
