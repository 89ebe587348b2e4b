"""Prints tables, JSON and errors; knows terminals, not what is printed.

The users who start containers choose names and labels: no control character passes.
"""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

import click

from core.base_errors import ConfigInvalid, DockwardenError
from core.text import plain, printable

FOUND: Final = 3  # exit code: violations, drift, a refusal or another thing was found

COLOURS = {
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


def program() -> str:
    """The name of the command that runs, such as `dockwarden`."""
    return click.get_current_context().find_root().command.name or ""


def complain(error: DockwardenError) -> None:
    """Message and hint on standard error."""
    first, *rest = [printable(line) for line in _lines(error)]
    click.echo(f"{program()}: error: {first}", err=True)
    for line in rest:
        click.echo(f"  {line}", err=True)
    if error.hint:
        click.echo(f"hint: {printable(error.hint)}", err=True)


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


def cell(value: object) -> str:
    """A value as one printable word or line."""
    return _BLANK if value is None or value == "" else printable(str(value))


def counted(number: object, thing: str) -> str:
    """`1 violation`, `2 violations`."""
    return f"{cell(number)} {thing}{'' if number == 1 else 's'}"


def coloured(text: str, padded: str) -> str:
    """The padded text in the colour of what it says, on a terminal that wants colours."""
    colour = COLOURS.get(text)
    if colour is None or os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return padded
    return click.style(padded, fg=colour)


def _lines(error: DockwardenError) -> list[str]:
    if not isinstance(error, ConfigInvalid):
        return error.message.split("\n")
    count = len(error.problems)
    return [f"the configuration has {count} error{'s' * (count > 1)}:", *error.problems]


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [text.ljust(width) for text, width in zip(cells, widths, strict=True)]
    padded[-1] = cells[-1]
    return "  ".join(map(coloured, cells, padded)).rstrip()
