"""Reads `--since`: a span back from now (`90m`, `1h`, `2d`) or a date; the clock is an argument."""

import re
from datetime import UTC, datetime, timedelta

_SPAN = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_since(text: str, *, now: datetime) -> datetime:
    """The instant, aware, in UTC; a date without a zone is local time. Raises `ValueError`."""
    span = _SPAN.fullmatch(text)
    try:
        if span is not None:
            return now - timedelta(**{_UNITS[span[2]]: int(span[1])})
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"{text!r} is neither a span (30m, 1h, 2d, 1w) nor a date (2026-11-23T10:00)"
        ) from error
