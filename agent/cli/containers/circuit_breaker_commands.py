"""`dockwarden circuit-breaker`: what a person does after the circuit breaker opened."""

from pathlib import Path

import click

from agent.cli.options import CALL_SECONDS, config_option, control_socket


@click.group("circuit-breaker")
def circuit_breaker() -> None:
    """Reset the circuit breaker.

    The circuit breaker keeps a bad list from emptying the host.

    It opens when more would be killed than [circuit_breaker] allows. From then on running
    containers are reported instead of killed; denied and revoked images are killed as usual.
    """


@circuit_breaker.command()
@config_option
def reset(config_file: Path | None) -> None:
    """Let the agent kill again, after you looked at why the circuit breaker opened.

    \b
    Before: dockwarden violations --since 1h   what would be killed?
    Then:   sudo dockwarden circuit-breaker reset
    """
    from agent.adapters.control_socket import call

    call(control_socket(config_file), "reset-circuit-breaker", {}, CALL_SECONDS)
    click.echo("The circuit breaker is reset; running containers are judged again now.")
