"""Prints what only the registrar's commands print: lines, days, spans of time.

What others wrote (reasons, names, repositories) passes without its control characters.
"""

from datetime import datetime, timedelta
from typing import Final

import click

from core.terminal.printing import counted
from core.text import printable

ALARM: Final = 4  # exit code: hosts will soon call the list stale

output_option = click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people or for programs.",
)


def say(text: str) -> None:
    """One line."""
    click.echo(printable(text))


def note(text: str) -> None:
    """A remark on standard error, out of the way of what is piped on."""
    click.echo(printable(text), err=True)


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
