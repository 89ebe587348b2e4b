"""`dockwarden selftest`: proves on this host that enforcement works; a failure is an alarm."""

import contextlib
from dataclasses import asdict
from pathlib import Path

import click

from agent.cli.options import CALL_SECONDS, config_option, inputs, output_option
from agent.cli.output import printed_check
from core.base_errors import DockwardenError
from core.terminal.printing import FOUND, emit_json


@click.command()
@config_option
@output_option
@click.pass_context
def selftest(ctx: click.Context, config_file: Path | None, output: str) -> None:
    """Prove, without harm, that enforcement works on this host.

    The command makes an image that nobody approved, starts it and checks whether its program ran.
    It asks the engine for its mirror, connects to a public registry, and waits until the report is
    delivered. Finally it removes container and image. The one violation that it causes stays on
    record, under the name dockwarden-selftest-….

    Exits with 3 when something failed; the agent then raises an alarm and is degraded until a
    selftest succeeds. In observe mode the command starts no container.

    \b
    Examples:
      sudo dockwarden selftest
      sudo dockwarden selftest -o json | jq .ok
    """
    from agent.adapters.control_socket import call
    from agent.config.load import load
    from agent.doctor import State
    from agent.doctor.selftest import selftest as tried

    config = load(inputs(config_file)).config
    results = []
    for result in tried(config):
        results.append(result)
        if output != "json":
            printed_check(result.check, result.state, result.found, result.fix)
    failures = [f"{r.check}: {r.found}" for r in results if r.state is State.FAILED]
    with contextlib.suppress(DockwardenError):  # no agent to inform is a failure above
        call(config.control.socket, "selftest-result", {"failures": failures}, CALL_SECONDS)
    if output == "json":
        emit_json({"ok": not failures, "checks": [asdict(result) for result in results]})
    if failures:
        ctx.exit(FOUND)
