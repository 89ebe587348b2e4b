"""`dockwarden plan`, `apply`, `restore`: the lockdown by hand."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli.options import config_option, control_socket, inputs, output_option
from agent.cli.output import FOUND, emit_json, note
from agent.domain.errors import DockwardenError

if TYPE_CHECKING:
    from agent.domain.lockdown import Drift
    from agent.lockdown import Lockdown

RESTORE_SECONDS = 60.0  # an engine's reload has to be seen, too


@click.command()
@config_option
@output_option
@click.pass_context
def plan(ctx: click.Context, config_file: Path | None, output: str) -> None:
    """Show what `apply` would change, and change nothing.

    Exits with 3 when something differs from what [registry], [lockdown] and [egress] want.

    \b
    Examples:
      sudo dockwarden plan
      sudo dockwarden plan -o json
    """
    built = _lockdown(config_file)
    try:
        found = [layer.drift() for layer in built.layers]
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

    The agent does the same by itself in enforce mode, and mends what is undone. What was there
    before is kept; `dockwarden restore` puts it back.
    """
    built = _lockdown(config_file)
    try:
        found = [layer.apply() for layer in built.layers]
    finally:
        built.close()
    _show(found, output, done="changed")


@click.command()
@config_option
@output_option
def restore(config_file: Path | None, output: str) -> None:
    """Take the lockdown back: every file as it was found, byte for byte, and no firewall.

    A running agent does it and keeps its hands off until it is started anew. To keep it off for
    good, set [agent] mode = "observe" or empty [registry] mirror.
    """
    from agent.adapters.control_socket import call
    from agent.errors import ControlUnavailable

    try:
        rows = call(control_socket(config_file), "restore", {}, RESTORE_SECONDS)
    except ControlUnavailable:
        note("no agent runs here; restoring by hand")
        rows = _restored(_built(config_file, to_restore=True))
    if output == "json":
        emit_json(rows)
    else:
        _tell(rows)
    if errors := [f"{row['layer']}: {row['error']}" for row in rows if row["error"]]:
        raise DockwardenError(
            "not everything was put back: " + "; ".join(errors), hint="mend that and run it again"
        )


def _restored(built: "Lockdown") -> list[dict[str, Any]]:
    from agent.control.reconcile import restored

    try:
        return restored(reversed(built.layers))
    finally:
        built.close()


def _lockdown(config_file: Path | None) -> "Lockdown":
    built = _built(config_file)
    if not built.layers:
        raise DockwardenError(
            "the lockdown is not configured",
            hint='set [registry] mirror = "https://…" in /etc/dockwarden/agent.toml',
        )
    return built


def _built(config_file: Path | None, *, to_restore: bool = False) -> "Lockdown":
    from agent.config.load import load
    from agent.lockdown import lockdown

    if os.geteuid() != 0:
        raise DockwardenError("the lockdown is root's", hint="run it with sudo")
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
            click.echo(f"{drift.layer}: cannot be mended: {drift.blocked}")
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
