"""Prints tables, JSON and errors; knows terminals, not what is printed.

What others wrote (reasons, names, repositories) passes without its control characters.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import click

from core.base_errors import DockwardenError
from core.text import plain, printable

FOUND: Final = 3  # exit code: something was found
ALARM: Final = 4  # exit code: hosts will soon call the list stale

output_option = click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people or for programs.",
)


def complain(error: DockwardenError) -> None:
    """Message and hint on standard error."""
    first, *rest = [printable(line) for line in error.message.split("\n")]
    click.echo(f"dockwarden-registrar: error: {first}", err=True)
    for line in rest:
        click.echo(f"  {line}", err=True)
    if error.hint:
        click.echo(f"hint: {printable(error.hint)}", err=True)


def say(text: str) -> None:
    """One line."""
    click.echo(printable(text))


def note(text: str) -> None:
    """A remark on standard error, out of the way of what is piped on."""
    click.echo(printable(text), err=True)


def emit_json(value: Any) -> None:
    """The value as JSON."""
    click.echo(json.dumps(plain(value), indent=2, allow_nan=False))


def emit_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Aligned columns under their headers."""
    cells = [[printable(str(value)) or "-" for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headers, *cells, strict=True)]
    for row in [[header.upper() for header in headers], *cells]:
        line = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


def counted(number: int, thing: str) -> str:
    """`1 approval`, `2 approvals`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def day(instant: datetime) -> str:
    """`2027-05-22`."""
    return instant.date().isoformat()


def left(instant: datetime, now: datetime) -> str:
    """`in 23 h`, `in 180 days`, `4 days ago`."""
    span = abs(instant - now)
    words = (
        counted(round(span / timedelta(days=1)), "day")
        if span >= timedelta(days=2)
        else _hours(span)
    )
    return f"in {words}" if instant > now else f"{words} ago"


def _hours(span: timedelta) -> str:
    return f"{round(span / timedelta(hours=1))} h"
