"""Reads spans and instants as administrators type them; the clock is an argument."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from core.base_errors import DockwardenError

DAY: Final = timedelta(days=1)
_SPAN = re.compile(r"([1-9][0-9]{0,5})([mhdwy])")
_UNIT = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": DAY,
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}


class InvalidTime(DockwardenError):
    """The text is not a span, or no instant that fits here."""


def span(text: str, option: str) -> timedelta:
    """`30m`, `4h`, `90d`, `2w` or `1y` (365 days)."""
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise InvalidTime(f"{option}: {text[:40]!r} is not a time span", hint="write 4h, 90d or 1y")
    return int(match[1]) * _UNIT[match[2]]


def instant(text: str, option: str, now: datetime) -> datetime:
    """A span from now, a date (its first second) or an instant, in UTC where no zone is given."""
    if _SPAN.fullmatch(text.strip()):
        return later(now, span(text, option), option)
    try:
        found = datetime.fromisoformat(text.strip())
        found = found.replace(microsecond=0)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidTime(
            f"{option}: {text[:40]!r} is not a time",
            hint="write 90d, 2027-01-31 or 2027-01-31T12:00Z",
        ) from error


def end(text: str, option: str, now: datetime) -> datetime:
    """As `instant`, but it has to lie ahead."""
    found = instant(text, option, now)
    if found <= now:
        raise InvalidTime(f"{option}: {readable(found)} is past", hint="give a time in the future")
    return found


def later(now: datetime, length: timedelta, option: str) -> datetime:
    """`now` and a span."""
    try:
        return now + length
    except OverflowError as error:
        raise InvalidTime(f"{option}: it is too far away", hint="write 90d or 1y") from error


def readable(at: datetime) -> str:
    """For people: to the minute, in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%MZ")
