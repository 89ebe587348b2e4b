"""`dockwarden brake`: what a person does after the kill-rate brake came on."""

from pathlib import Path

import click

from agent.cli.options import CALL_SECONDS, config_option, control_socket


@click.group()
def brake() -> None:
    """Release the kill-rate brake.

    The brake keeps a bad list from emptying the host.

    It comes on when more would be killed than [brake] allows. From then on running
    containers are reported instead of killed; denied and revoked images are killed as ever.
    """


@brake.command()
@config_option
def release(config_file: Path | None) -> None:
    """Let the agent kill again, after you looked at why the brake came on.

    \b
    Before: dockwarden violations --since 1h   what would be killed?
    Then:   sudo dockwarden brake release
    """
    from agent.adapters.control_socket import call

    call(control_socket(config_file), "release-brake", {}, CALL_SECONDS)
    click.echo("The brake is released; running containers are judged again now.")
