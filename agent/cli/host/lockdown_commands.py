"""`dockwarden plan`, `apply`, `restore`: the lockdown by hand."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli.options import config_option, control_socket, inputs, output_option
from agent.cli.output import note
from core.base_errors import DockwardenError
from core.terminal.printing import FOUND, emit_json

if TYPE_CHECKING:
    from agent.app.lockdown_wiring import Lockdown
    from agent.ports import Layer
    from agent.ports.lockdown_values import Drift

RESTORE_SECONDS = 60.0  # an engine's reload has to be seen, too


@click.command()
@config_option
@output_option
@click.pass_context
def plan(ctx: click.Context, config_file: Path | None, output: str) -> None:
    """Show what `apply` would change, and change nothing.

    Exits with 3 when something differs from what [registry], [lockdown] and [egress] require.

    \b
    Examples:
      sudo dockwarden plan
      sudo dockwarden plan -o json
    """
    built = _lockdown(config_file)
    try:
        found = _each(built.layers, lambda layer: layer.drift())
    finally:
        built.close()
    _show(found, output, done="would change")
    if any(not drift.none for drift in found):
        ctx.exit(FOUND)


@click.command()
@config_option
@output_option
def apply(config_file: Path | None, output: str) -> None:
    """Put the lockdown in place: engine mirror, other tools' files, egress firewall.

    In enforce mode the agent does the same by itself, and restores what others change. A backup
    keeps the former files; `dockwarden restore` puts them back.

    \b
    Examples:
      sudo dockwarden plan && echo "nothing to do" || sudo dockwarden apply
    """
    built = _lockdown(config_file)
    try:
        found = _each(built.layers, _applied)
    finally:
        built.close()
    _show(found, output, done="changed")
    if errors := [f"{drift.layer}: {drift.blocked}" for drift in found if drift.blocked]:
        raise DockwardenError(
            "not everything was put in place: " + "; ".join(errors),
            hint="correct that, then run it again",
        )


@click.command()
@config_option
@output_option
def restore(config_file: Path | None, output: str) -> None:
    """Remove the lockdown: restore every file byte for byte, and remove the firewall.

    If an agent runs, it does the work, and changes nothing more until it is restarted. To keep the
    lockdown off for good, set [agent] mode = "observe" or empty [registry] mirror.
    """
    rows = _asked(config_file)
    rows += _by_hand(config_file, done={row["layer"] for row in rows})
    if output == "json":
        emit_json(rows)
    else:
        _tell(rows)
    if errors := [f"{row['layer']}: {row['error']}" for row in rows if row["error"]]:
        raise DockwardenError(
            "not everything was put back: " + "; ".join(errors),
            hint="correct that, then run it again",
        )


def _asked(config_file: Path | None) -> list[dict[str, Any]]:
    """What the running agent put back; nothing when none runs. One that does not answer is not
    worked against: it would put everything in place again."""
    from agent.adapters.control_socket import call
    from agent.errors import ControlUnavailable

    try:
        return list(call(control_socket(config_file), "restore", {}, RESTORE_SECONDS))
    except ControlUnavailable as error:
        if not isinstance(error.__cause__, FileNotFoundError | ConnectionRefusedError):
            raise
        note("no agent runs here; restoring without it")
        return []


def _by_hand(config_file: Path | None, *, done: set[str]) -> list[dict[str, Any]]:
    """Put back the layers that are not done: an agent knows those only that are configured now."""
    from agent.config.lockdown_config import LAYERS
    from agent.lockdown.reconcile import restored

    if done.issuperset(LAYERS):
        return []
    built = _built(config_file, to_restore=True)
    try:
        return restored(layer for layer in reversed(built.layers) if layer.name not in done)
    finally:
        built.close()


def _each(layers: "Iterable[Layer]", act: "Callable[[Layer], Drift]") -> "list[Drift]":
    """What each layer says, whatever becomes of the others; what failed is blocked."""
    from agent.errors import LayerFailed
    from agent.ports.lockdown_values import Drift

    found = []
    for layer in layers:
        try:
            found.append(act(layer))
        except LayerFailed as error:
            found.append(Drift(layer.name, blocked=str(error)))
    return found


def _applied(layer: "Layer") -> "Drift":
    """Nothing is done where nothing differs: a running agent may keep it."""
    before = layer.drift()
    return before if before.none else layer.apply()


def _lockdown(config_file: Path | None) -> "Lockdown":
    built = _built(config_file)
    if not built.layers:
        raise DockwardenError(
            "the lockdown is not configured",
            hint='set [registry] mirror = "https://…" in /etc/dockwarden/agent.toml',
        )
    return built


def _built(config_file: Path | None, *, to_restore: bool = False) -> "Lockdown":
    from agent.app.lockdown_wiring import lockdown
    from agent.config.load import load

    if os.geteuid() != 0:
        raise DockwardenError("only root may change the lockdown", hint="run it with sudo")
    return lockdown(load(inputs(config_file)).config, to_restore=to_restore)


def _show(found: "Sequence[Drift]", output: str, *, done: str) -> None:
    if output == "json":
        emit_json([_row(drift) for drift in found])
        return
    for drift in found:
        if drift.none:
            click.echo(f"{drift.layer}: as it should be")
        for difference in drift.differences:
            click.echo(f"{drift.layer}: {done}: {difference.place}: {difference.words}")
            if difference.diff:
                click.echo(difference.diff.rstrip())
        if drift.blocked:
            click.echo(f"{drift.layer}: cannot be corrected: {drift.blocked}")
        for remark in drift.notes:
            click.echo(f"{drift.layer}: note: {remark.place}: {remark.words}")


def _tell(rows: Sequence[dict[str, Any]]) -> None:
    for row in rows:
        for words in row["undone"]:
            click.echo(f"{row['layer']}: {words}")
        if not row["undone"] and not row["error"]:
            click.echo(f"{row['layer']}: nothing to put back")


def _row(drift: "Drift") -> dict[str, Any]:
    return {
        "layer": drift.layer,
        "in_place": drift.none,
        "differences": [
            {"place": d.place, "words": d.words, "diff": d.diff} for d in drift.differences
        ],
        "blocked": drift.blocked,
        "notes": [f"{d.place}: {d.words}" for d in drift.notes],
    }
