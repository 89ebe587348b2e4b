"""`dockwarden violations`: what ran, or tried to, without plain approval on this host."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from agent.cli.containers.since import parse_since
from agent.cli.options import config_option, findings_file, output_option
from agent.cli.output import local_time, note, ran, section
from core.base_errors import DockwardenError
from core.decision.verdict import Verdict
from core.findings.finding import Kind
from core.terminal.printing import FOUND, emit_json, emit_table

Record = Mapping[str, Any]
_DAMAGED = "findings.damaged"


def _since(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
    from agent.adapters.system_clock import SystemClock

    try:
        return parse_since(text, now=SystemClock().now()) if text is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.option(
    "--since",
    callback=_since,
    metavar="SPAN|DATE",
    help="List only violations since 30m, 1h, 2d, or a date.",
)
@click.option(
    "--verdict",
    "verdicts",
    multiple=True,
    type=click.Choice([str(verdict) for verdict in Verdict]),
    help="List only this verdict; may be repeated.",
)
@config_option
@output_option
@click.pass_context
def violations(
    ctx: click.Context,
    since: datetime | None,
    verdicts: tuple[str, ...],
    config_file: Path | None,
    output: str,
) -> None:
    """List what ran, or tried to run, without approval.

    Each row is one violation, with the number of its occurrences.

    RAN is for how long the container's own code ran: "never" if it was caught before its first
    instruction. The command reads [reports] file; the agent need not run.

    Exits with 3 when there is at least one violation.

    \b
    Examples:
      sudo dockwarden violations --since 1h
      sudo dockwarden violations --verdict denied --verdict revoked -o json
    """
    path = findings_file(config_file)
    rows = [
        row
        for row in group_occurrences(_records(path, since))
        if not verdicts or row["verdict"] in verdicts
    ]
    if output == "json":
        emit_json(rows)
    elif rows:
        headers = (
            "last",
            "times",
            "container",
            "image",
            "verdict",
            "action",
            "enforcement_point",
            "ran",
        )
        emit_table(headers, [_shown(row) for row in rows])
    else:
        click.echo("No violations.")
    if rows:
        ctx.exit(FOUND)


def group_occurrences(records: Iterable[Record]) -> list[dict[str, Any]]:
    """One row a violation, in the order of their first occurrence.

    `count` comes from the running numbers, so occurrences that were coalesced into one record
    count too; `ran_ms` is the longest.
    """
    rows: dict[str, dict[str, Any]] = {}
    firsts: dict[str, int] = {}
    for record in records:
        if record.get("kind") != Kind.VIOLATION:
            continue
        key = str(record.get("violation_id") or record.get("id"))
        number = _number(record.get("occurrence"))
        first = firsts.setdefault(key, number)
        earlier = rows.get(key)
        row = _row(record, key)
        if earlier is not None:
            row["first_at"] = earlier["first_at"]
            row["ran_ms"] = _longest(earlier["ran_ms"], row["ran_ms"])
        row["count"] = max(number - first + 1, earlier["count"] if earlier else 1)
        rows[key] = row
    return list(rows.values())


def _row(record: Record, key: str) -> dict[str, Any]:
    container, outcome = section(record, "container"), section(record, "outcome")
    decision = section(record, "decision")
    return {
        "violation_id": key,
        "first_at": record.get("at"),
        "last_at": record.get("at"),
        "container": container.get("name") or str(container.get("id") or "")[:12],
        "container_id": container.get("id"),
        "image": container.get("claimed_reference"),
        "digest": section(container, "image").get("id"),
        "verdict": decision.get("verdict"),
        "reason": decision.get("reason"),
        "action": outcome.get("action"),
        "enforcement_point": outcome.get("enforcement_point"),
        "ran_ms": outcome.get("ran_ms"),
        "error": outcome.get("error"),
        "next_step": record.get("next_step"),
        "evidence": record.get("evidence"),
    }


def _records(path: str, since: datetime | None) -> Iterator[Record]:
    from agent.adapters.findings_file import read

    try:
        for record in read(path, since=since):
            if record.get("event") == _DAMAGED:
                note(str(record.get("summary")))
            yield record
    except OSError as error:
        raise DockwardenError(
            f"{path} cannot be read: {error.strerror}",
            hint="run this as root (sudo), or correct [reports] file",
        ) from error


def _shown(row: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        local_time(row["last_at"]),
        row["count"],
        row["container"],
        row["image"],
        row["verdict"],
        f"{row['action']} failed" if row["error"] else row["action"],
        row["enforcement_point"],
        ran(row["ran_ms"]),
    )


def _longest(one: Any, other: Any) -> Any:
    return None if one is None or other is None else max(one, other)


def _number(occurrence: object) -> int:
    return occurrence if isinstance(occurrence, int) else 1
