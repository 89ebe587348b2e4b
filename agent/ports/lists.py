"""Where the allowlist comes from, and what the loop asks of it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from agent.domain.allowlist import Approval, ListInfo, Statements
from agent.domain.identity import ImageIdentity


class TrustedList(Protocol):
    """A whole trusted allowlist; immutable, safe to read from any thread."""

    @property
    def info(self) -> ListInfo:
        """Sequence, origin, contact."""
        ...

    def about(self, image: ImageIdentity) -> Statements:
        """Every statement that bears on the image."""
        ...

    def approvals(self) -> Iterable[Approval]:
        """Every approval (for the nearest approved image of a repository)."""
        ...

    def next_expiry(self, now: datetime) -> datetime | None:
        """The next instant at which a verdict can change by itself."""
        ...


class AllowlistSource(Protocol):
    """Where the list comes from; raises `AllowlistRejected` for one that cannot be trusted."""

    def load(self) -> TrustedList:
        """The current list, checked whole, or an error that names file, place and fix."""
        ...

    def watched(self) -> Sequence[str]:
        """Paths whose change means: load again."""
        ...
