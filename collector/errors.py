"""What can go wrong at the collector; each says what to do next."""

from agent.domain.errors import DockwardenError


class StoreUnavailable(DockwardenError):
    """The database does not answer, or not as it should."""


class SchemaBehind(DockwardenError):
    """The database's tables are not those of this version."""


class Refused(DockwardenError):
    """What was asked for cannot be done as asked."""
