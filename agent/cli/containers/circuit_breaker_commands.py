"""`dockwarden circuit-breaker`: what a person does after the circuit breaker opened."""

from pathlib import Path

import click

from agent.cli.options import CALL_SECONDS, config_option, control_socket


@click.group("circuit-breaker")
def circuit_breaker() -> None:
    """Reset the circuit breaker.

    The circuit breaker prevents that a wrong list ends everything on the host.

    It opens when the agent would kill more containers than [circuit_breaker] allows. While it is
    open, the agent reports such containers instead. It kills denied and revoked images as usual.
    """


@circuit_breaker.command()
@config_option
def reset(config_file: Path | None) -> None:
    """Let the agent kill again, after you found out why the circuit breaker opened.

    \b
    Before: dockwarden violations --since 1h   which containers would be killed?
    Then:   sudo dockwarden circuit-breaker reset
    """
    from agent.adapters.control_socket import call

    call(control_socket(config_file), "reset-circuit-breaker", {}, CALL_SECONDS)
    click.echo("The circuit breaker is reset; the agent now evaluates running containers again.")
