"""`dockwarden break-glass`: for some hours, evaluate and report but end nothing."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from agent.cli.options import config_option, control_socket, output_option
from agent.cli.output import emit_facts, local_time
from core.base_errors import DockwardenError
from core.terminal.printing import emit_json

_SECONDS = 40.0  # verifying a token takes a helper process
_LONGEST = 32 << 10  # bytes of a token


@click.group("break-glass")
def break_glass() -> None:
    """Keep this host from stopping containers for some hours.

    This needs a token that the holder of a break-glass key has signed for this host: see
    docs/internals/break-glass.md. The agent still evaluates and reports everything.

    \b
    1. sudo dockwarden break-glass request           send the output to the holder of a key
    2. sudo dockwarden break-glass apply token.json  apply the token that they send back
    """


def _call(config_file: Path | None, verb: str, **arguments: str) -> Mapping[str, Any]:
    from agent.adapters.control_socket import call

    answer = call(control_socket(config_file), f"break-glass-{verb}", arguments, _SECONDS)
    return answer if isinstance(answer, Mapping) else {}


@break_glass.command()
@config_option
@output_option
def request(config_file: Path | None, output: str) -> None:
    """Print what a token must name: this host's id, and a new nonce for one token."""
    answer = _call(config_file, "request")
    if output == "json":
        emit_json(answer)
        return
    emit_facts([("host", str(answer.get("host"))), ("nonce", str(answer.get("nonce")))])
    click.echo(
        "\nThe holder of a break-glass key runs:\n"
        f"  dockwarden-registrar break-glass issue --host {answer.get('host')}"
        f" --nonce {answer.get('nonce')} --reason …"
    )


@break_glass.command()
@click.argument("token", metavar="TOKEN")
@config_option
@output_option
def apply(token: str, config_file: Path | None, output: str) -> None:
    """Apply a token, given as a file name, as - for standard input, or as the token itself."""
    _show(_call(config_file, "apply", token=_read(token)), output)


@break_glass.command()
@config_option
@output_option
def status(config_file: Path | None, output: str) -> None:
    """Show whether break-glass is in force, who issued the token and until when."""
    _show(_call(config_file, "status"), output)


@break_glass.command()
@config_option
@output_option
def end(config_file: Path | None, output: str) -> None:
    """End break-glass now; the agent evaluates running containers again and acts."""
    answer = _call(config_file, "end")
    if output == "json":
        emit_json(answer)
    else:
        was = answer.get("ended")
        click.echo("Break-glass has ended." if was else "Break-glass was not in force.")


def _read(token: str) -> str:
    """The token's text; a file cannot be meant by what looks like a token."""
    if token.lstrip().startswith("{"):
        return token
    try:
        if token == "-":
            return sys.stdin.read(_LONGEST)
        path = Path(token)
        if len(token) < 256 and (path.exists() or "." in token or "/" in token):
            with path.open(encoding="utf-8") as file:
                return file.read(_LONGEST)
    except (OSError, UnicodeDecodeError) as error:
        raise DockwardenError(f"{token} cannot be read: {error}") from error
    return token


def _show(answer: Mapping[str, Any], output: str) -> None:
    if output == "json":
        emit_json(answer)
        return
    if not answer.get("active"):
        click.echo("Break-glass is not in force.")
        return
    emit_facts(
        [
            ("break-glass", "IN FORCE: nothing is killed, stopped or paused"),
            ("until", local_time(answer.get("ends_at"))),
            ("since", local_time(answer.get("began_at"))),
            ("issued by", str(answer.get("issued_by"))),
            ("reason", str(answer.get("reason"))),
        ]
    )
