"""`dockwarden config`: is it right, and where does each value come from?"""

import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import click

from agent.cli.options import config_option, inputs, output_option
from agent.cli.output import note
from core.base_errors import ConfigInvalid
from core.terminal.printing import complain, emit_json

if TYPE_CHECKING:
    from agent.config import Config
    from agent.config.load import Loaded

RESOLVE_SECONDS = 3.0  # for all names together


@click.group()
def config() -> None:
    """Check or show the configuration.

    \b
    A later layer overrides an earlier one:
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

    Prints warnings on standard error: names of the lockdown that this host cannot resolve now, and
    a missing extra that signed lists need.

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
    warnings = _not_installed(loaded.config) + _unresolved(loaded.config)
    if output == "json":
        emit_json({"valid": True, "problems": [], "warnings": warnings, "files": loaded.files})
        return
    files = ", ".join(loaded.files) or "no file, defaults only"
    click.echo(f"The configuration is valid ({files}); mode {loaded.config.agent.mode}.")
    _note_expired(loaded)
    for warning in warnings:
        note(warning)


@config.command()
@click.option("--origin", is_flag=True, help="Show for each key which layer set it.")
@config_option
@output_option
def show(config_file: Path | None, output: str, origin: bool) -> None:
    """Show every key with its value, as TOML that can be used as a file.

    Values from systemd credentials are hidden.

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
    from agent.adapters.system_clock import SystemClock

    now = SystemClock().now()
    for exemption in loaded.config.enforcement.exemptions:
        if exemption.expires_at <= now:
            when = exemption.expires_at.isoformat()
            note(f"the exemption of {exemption.digest} ended at {when}: renew or remove it")


def _not_installed(config: "Config") -> list[str]:
    from core.extras import install, lacks_signed

    if not config.allowlist.signed or not (lack := lacks_signed()):
        return []
    return [f'[allowlist] source = "{config.allowlist.source}": {lack}; {install("signed")}']


def _unresolved(config: "Config") -> list[str]:
    """Names that the firewall needs and nobody answers for, in words."""
    services = [("[registry] mirror", config.registry.mirror)] if config.registry.mirror else []
    services += [("[egress] allow", text) for text in config.egress.allow]
    answers: SimpleQueue[tuple[int, str]] = SimpleQueue()
    for number, (_, text) in enumerate(services):
        # A resolver cannot be stopped: nobody waits for these threads.
        asking = (answers, number, text)
        threading.Thread(target=_resolve, args=asking, daemon=True).start()
    end = time.monotonic() + RESOLVE_SECONDS
    failures = dict.fromkeys(range(len(services)), f"no answer within {RESOLVE_SECONDS:g} s")
    for _ in services:
        try:
            number, failure = answers.get(timeout=max(end - time.monotonic(), 0.0))
        except Empty:
            break
        failures[number] = failure
    return [
        f'{key} = "{text}" cannot be resolved here ({failures[number]}): '
        "correct the host's resolver, or put the name into /etc/hosts"
        for number, (key, text) in enumerate(services)
        if failures[number]
    ]


def _resolve(answers: SimpleQueue[tuple[int, str]], number: int, text: str) -> None:
    from agent.adapters.egress.egress_settings import service
    from agent.adapters.egress.resolved_names import system_lookup

    try:
        failure = "" if list(system_lookup(service(text).host)) else "it has no address"
    except (OSError, UnicodeError) as error:  # UnicodeError: no possible host name
        failure = str(error)
    answers.put((number, failure))
