"""The only place of the registrar that reads the clock."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present second in UTC: what is signed holds whole seconds (TUF 1.0, section 4.2.1)."""
    return datetime.now(UTC).replace(microsecond=0)
