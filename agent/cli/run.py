"""`dockwarden run`: checks the configuration, then becomes the daemon."""

import os
from pathlib import Path

import click

from agent.cli.options import config_option, inputs
from core.base_errors import DockwardenError


@click.command()
@click.option(
    "--mode",
    type=click.Choice(["observe", "enforce"]),
    help="observe: evaluate and report, touch nothing. enforce: refuse what is not approved."
    " Overrides [agent] mode.",
)
@config_option
def run(mode: str | None, config_file: Path | None) -> None:
    """Run the agent in the foreground, as systemd does. Needs root.

    Start with observe, and check `dockwarden violations` before you enforce.

    \b
    Examples:
      sudo dockwarden run --mode observe
      sudo dockwarden run --mode enforce --config /etc/dockwarden/agent.toml
    """
    from agent.cli.launch import become_daemon
    from agent.config.load import load

    loaded = load(inputs(config_file, {"agent": {"mode": mode}} if mode else None))
    if os.geteuid() != 0:
        raise DockwardenError(
            "the agent must run as root: it freezes and ends other users' containers",
            hint="sudo dockwarden run",
        )
    become_daemon(loaded.config, file=config_file, mode=mode or "")
