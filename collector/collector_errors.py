"""What can go wrong at the collector; each says what to do next."""

from core.base_errors import DockwardenError


class StoreUnavailable(DockwardenError):
    """The database does not answer, or not as it should; `poisoned`: by what it was given."""

    def __init__(self, message: str, *, hint: str = "", poisoned: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.poisoned = poisoned


class SchemaBehind(DockwardenError):
    """The database's tables are not those of this version."""


class Refused(DockwardenError):
    """What was asked for cannot be done as asked."""
