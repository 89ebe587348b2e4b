"""Prints what only the agent's commands print: facts, checks, durations, times of this zone."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import click

from core.terminal.printing import cell, coloured
from core.text import printable


def note(text: str) -> None:
    """A remark on standard error, out of the way of what is piped on."""
    click.echo(f"dockwarden: {printable(text)}", err=True)


def emit_facts(facts: Iterable[tuple[str, str]]) -> None:
    """One `name  value` a line; facts without a value are left out."""
    told = [(name, printable(value)) for name, value in facts if value]
    width = max((len(name) for name, _ in told), default=0)
    for name, value in told:
        click.echo(f"{name.ljust(width)}  {coloured(value, value)}")


def printed_check(check: str, state: str, found: str, fix: str) -> None:
    """One line a check, below it what to do."""
    padded = coloured(state, state.ljust(7))
    click.echo(f"{padded}  {printable(check).ljust(22)}  {printable(found)}")
    if fix:
        click.echo(f"{'':33}fix: {printable(fix)}")


def ran(milliseconds: object) -> str:
    """For how long user code ran: `never`, `3.2 ms`, `41.0 s` or `unknown`."""
    if not isinstance(milliseconds, int | float):
        return "unknown"
    if milliseconds == 0:
        return "never"
    return f"{milliseconds:.1f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def local_time(text: object) -> str:
    """An RFC 3339 instant in this machine's time zone, to the second; other text as it is."""
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
        if at is None:
            return cell(text)
        at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        return at.astimezone().isoformat(sep=" ", timespec="seconds")
    except (ValueError, OverflowError):
        return cell(text)


def section(value: object, key: str) -> Mapping[str, Any]:
    """A part of an answer, empty where an agent of another version leaves it out."""
    part = value.get(key) if isinstance(value, Mapping) else None
    return part if isinstance(part, Mapping) else {}
