"""Prints tables, JSON and errors; knows terminals, not what is printed.

The users who start containers choose names and labels: no control character passes.
"""

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from core.base_errors import ConfigInvalid, DockwardenError
from core.text import plain, printable

FOUND = 3  # exit code: violations, drift or a refusal

_COLOURS = {
    "ok": "green",
    "warning": "yellow",
    "failed": "red",
    "approved": "green",
    "waived": "yellow",
    "derived": "yellow",
    "expired": "yellow",
    "undetermined": "yellow",
    "denied": "red",
    "revoked": "red",
    "unlisted": "red",
}
_BLANK = "-"


def complain(error: DockwardenError) -> None:
    """Message and hint on standard error."""
    lines = [printable(line) for line in _lines(error)]
    click.echo(f"dockwarden: error: {lines[0]}", err=True)
    for line in lines[1:]:
        click.echo(f"  {line}", err=True)
    if error.hint:
        click.echo(f"hint: {printable(error.hint)}", err=True)


def note(text: str) -> None:
    """A remark on standard error, out of the way of what is piped on."""
    click.echo(f"dockwarden: {printable(text)}", err=True)


def emit_json(value: Any) -> None:
    """The value as JSON in ASCII, so that nothing reaches a terminal raw."""
    click.echo(json.dumps(plain(value), indent=2, allow_nan=False))


def emit_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Aligned columns under their headers; verdicts coloured on a terminal."""
    cells = [[cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headers, *cells, strict=True)]
    click.echo(_row([header.upper() for header in headers], widths))
    for row in cells:
        click.echo(_row(row, widths))


def emit_facts(facts: Iterable[tuple[str, str]]) -> None:
    """One `name  value` a line; facts without a value are left out."""
    told = [(name, printable(value)) for name, value in facts if value]
    width = max((len(name) for name, _ in told), default=0)
    for name, value in told:
        click.echo(f"{name.ljust(width)}  {_coloured(value, value)}")


def printed_check(check: str, state: str, found: str, fix: str) -> None:
    """One line a check, below it what to do."""
    padded = _coloured(state, state.ljust(7))
    click.echo(f"{padded}  {printable(check).ljust(22)}  {printable(found)}")
    if fix:
        click.echo(f"{'':33}fix: {printable(fix)}")


def cell(value: object) -> str:
    """A value as one printable word or line."""
    return _BLANK if value is None or value == "" else printable(str(value))


def counted(number: object, thing: str) -> str:
    """`1 violation`, `2 violations`."""
    return f"{cell(number)} {thing}{'' if number == 1 else 's'}"


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


def _lines(error: DockwardenError) -> list[str]:
    if not isinstance(error, ConfigInvalid):
        return error.message.split("\n")
    count = len(error.problems)
    return [f"the configuration has {count} error{'s' * (count > 1)}:", *error.problems]


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [text.ljust(width) for text, width in zip(cells, widths, strict=True)]
    padded[-1] = cells[-1]
    coloured = [_coloured(text, pad) for text, pad in zip(cells, padded, strict=True)]
    return "  ".join(coloured).rstrip()


def _coloured(text: str, padded: str) -> str:
    colour = _COLOURS.get(text)
    if colour is None or os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return padded
    return click.style(padded, fg=colour)
