"""Times as the tables hold them: whole microseconds since 1970; knows no tables."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US
DAY_US = 24 * HOUR_US
LAST_US = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND


def us(at: datetime) -> int:
    """Microseconds since 1970 of an aware time."""
    return (at - EPOCH) // MICROSECOND


def when(microseconds: int) -> datetime:
    """The time, UTC; what no calendar holds becomes its first or last instant."""
    return EPOCH + timedelta(microseconds=min(max(microseconds, 0), LAST_US))


def when_or_none(microseconds: int | None) -> datetime | None:
    """As `when`; None stays None."""
    return None if microseconds is None else when(microseconds)


def first_id(microseconds: int) -> str:
    """The smallest UUIDv7 of that millisecond or later (RFC 9562, section 5.7)."""
    milliseconds = min(max(microseconds, 0) // 1000, (1 << 48) - 1)
    digits = f"{milliseconds:012x}"
    return f"{digits[:8]}-{digits[8:]}-0000-0000-000000000000"
