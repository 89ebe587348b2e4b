"""How long to wait before a request is sent again; pure."""

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST: Final = 60.0  # seconds that a person at a terminal waits for one request
_FIRST: Final = 0.5
_LAST: Final = 16.0


def pause_s(attempt: int, headers: Mapping[str, str], jitter: float) -> float | None:
    """Seconds until the next attempt; None when the registry wants more than `LONGEST`.

    `attempt` counts from 1, `headers` are the answer's by lower-case name, `jitter` is in [0, 1).
    A Retry-After that is a date counts from the answer's own Date (RFC 9110, 10.2.3), so that
    this machine's clock does not matter.
    """
    asked = _retry_after(headers)
    if asked is None:
        ceiling: float = min(_LAST, _FIRST * 2.0**attempt)
        return ceiling * jitter
    return asked + jitter if asked <= LONGEST else None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("retry-after", "").strip()
    if text.isdecimal() and len(text) <= 9:
        return float(text)
    until, sent = _date(text), _date(headers.get("date", ""))
    return max(0.0, (until - sent).total_seconds()) if until and sent else None


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, IndexError):
        return None
    return found if found.tzinfo else None
