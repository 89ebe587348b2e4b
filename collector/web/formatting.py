"""Times and numbers as people read them; pure."""

from datetime import UTC, datetime, timedelta
from typing import Final

_UNITS: Final = (
    (timedelta(days=1), "d"),
    (timedelta(hours=1), "h"),
    (timedelta(minutes=1), "min"),
    (timedelta(seconds=1), "s"),
)


def utc(at: datetime) -> str:
    """`2026-01-31 13:05:09 UTC`."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def machine_time(at: datetime) -> str:
    """RFC 3339, for the `datetime` attribute."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def relative(at: datetime, now: datetime) -> str:
    """`3 min ago`, `in 2 d`; whole units, rounded down."""
    distance = abs(now - at)
    for unit, name in _UNITS:
        if distance >= unit:
            amount = f"{distance // unit} {name}"
            return f"{amount} ago" if at <= now else f"in {amount}"
    return "now"


def short_digest(digest: str) -> str:
    """`sha256:5f43a1b2c3d4`: twelve digits, as docker shows them."""
    algorithm, colon, value = digest.partition(":")
    return f"{algorithm}:{value[:12]}" if colon else digest[:12]


def number(value: int) -> str:
    """Thousands apart by a narrow space (ISO 80000-1)."""
    return f"{value:,}".replace(",", "\u202f")


def milliseconds(value: float | None) -> str:
    """For how long foreign code ran."""
    if value is None:
        return "unknown"
    if value == 0:
        return "never ran"
    return f"{value:.0f} ms" if value < 10_000 else f"{value / 1000:.0f} s"
