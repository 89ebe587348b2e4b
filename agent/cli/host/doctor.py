"""`dockwarden doctor`: is everything there that the agent needs, and what to do if not?"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.options import config_option, inputs, output_option
from agent.cli.output import printed_check
from core.terminal.printing import FOUND, emit_json

if TYPE_CHECKING:
    from agent.config import Config


@click.command()
@config_option
@output_option
@click.pass_context
def doctor(ctx: click.Context, config_file: Path | None, output: str) -> None:
    """Check everything that the agent depends on, and say how to fix what is wrong.

    Changes nothing. Exits with 3 when a check failed, and with 0 when there are only warnings.

    \b
    Examples:
      sudo dockwarden doctor
      sudo dockwarden doctor -o json | jq '.checks[] | select(.state == "failed")'
    """
    from agent.config.load import load
    from agent.doctor import Host, State, examine

    def read() -> "tuple[Config, tuple[str, ...]]":
        loaded = load(inputs(config_file))
        return loaded.config, loaded.files

    results = []
    for result in examine(Host(read)):
        results.append(result)
        if output != "json":
            printed_check(result.check, result.state, result.found, result.fix)
    wrong = any(result.state is State.FAILED for result in results)
    if output == "json":
        emit_json({"ok": not wrong, "checks": [asdict(result) for result in results]})
    if wrong:
        ctx.exit(FOUND)
