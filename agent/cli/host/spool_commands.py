"""`dockwarden spool`: what waits for the collector, and what it would not have."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from agent.cli.options import config_option, inputs, output_option
from agent.cli.output import emit_facts, local_time
from core.base_errors import DockwardenError
from core.terminal.printing import FOUND, emit_json, emit_table


@click.group()
def spool() -> None:
    """Show the records that wait on this host for the collector."""


@spool.command()
@config_option
@output_option
def show(config_file: Path | None, output: str) -> None:
    """Show how many records wait, since when, and what was lost.

    \b
    Examples:
      sudo dockwarden spool show
    """
    found = _read(config_file, _state)
    if output == "json":
        emit_json(found)
        return
    emit_facts(
        [
            ("waiting", f"{found['records']} records, {found['bytes']} bytes"),
            ("urgent", f"{found['urgent']} of them"),
            ("oldest", local_time(found["oldest_at"]) if found["oldest_at"] else ""),
            ("counted", f"{found['held']} occurrences of floods" if found["held"] else ""),
            ("dropped", str(found["dropped"])),
            ("quarantined", str(found["quarantined"])),
            ("epoch", str(found["epoch"])),
            ("sequence", str(found["sequence"])),
        ]
    )


@spool.command()
@config_option
@output_option
@click.pass_context
def quarantine(ctx: click.Context, config_file: Path | None, output: str) -> None:
    """Show the records that the collector refused for good, and why.

    The newest thousand stay here, so that you can examine them. Exits with 3 if there are any.

    \b
    Examples:
      sudo dockwarden spool quarantine -o json
    """
    rows = _read(config_file, _quarantined)
    if output == "json":
        emit_json(rows)
    elif rows:
        keys = ("sequence", "at", "type", "reason")
        emit_table(keys, [[row[key] for key in keys] for row in rows])
    else:
        click.echo("Nothing is quarantined.")
    if rows:
        ctx.exit(FOUND)


def _state(db: sqlite3.Connection) -> dict[str, Any]:
    records, size = db.execute("SELECT sum(records), sum(bytes) FROM totals").fetchone()
    urgent = db.execute("SELECT records FROM totals WHERE urgent = 1").fetchone()[0]
    held = db.execute("SELECT coalesce(sum(count), 0) FROM held").fetchone()[0]
    aside = db.execute("SELECT count(*) FROM quarantine").fetchone()[0]
    oldest = db.execute("SELECT time FROM records ORDER BY sequence LIMIT 1").fetchone()
    meta = dict(db.execute("SELECT key, value FROM meta").fetchall())
    return {
        "records": records,
        "bytes": size,
        "urgent": urgent,
        "oldest_at": oldest[0] if oldest else None,
        "held": held,
        "dropped": int(meta.get("dropped", "0")),
        "quarantined": aside,
        "epoch": meta.get("epoch", ""),
        "sequence": int(meta.get("sequence", "0")),
    }


def _quarantined(db: sqlite3.Connection) -> list[dict[str, Any]]:
    rows = db.execute("SELECT sequence, id, type, time, reason, data FROM quarantine ORDER BY 1")
    return [
        {
            "sequence": sequence,
            "id": id_,
            "type": type_,
            "at": time,
            "reason": reason,
            "data": _parsed(data),
        }
        for sequence, id_, type_, time, reason, data in rows
    ]


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return repr(data[:1000])


def _read(config_file: Path | None, question: Any) -> Any:
    from agent.config.load import load
    from agent.helpers.uplink.spool_table import connect

    path = Path(load(inputs(config_file)).config.agent.state_dir) / "spool.db"
    try:
        with closing(connect(path)) as db:
            return question(db)
    except sqlite3.Error as error:
        raise DockwardenError(
            f"{path} cannot be read: {error}",
            hint="run it as root; there is a spool once [collector] url is set and the agent ran",
        ) from error
