"""The one place of the collector that reads the clock; everything else is handed the time."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present, aware, UTC."""
    return datetime.now(UTC)
