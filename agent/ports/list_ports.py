"""Where the allowlist comes from, and what the loop asks of it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from agent.helpers.sync.sync_request import SyncReport
from core.allowlist.allowlist import Approval, ListInfo, Statements
from core.image.identity import ImageIdentity


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

    def alike(self, name: str) -> Iterable[Approval]:
        """The approvals of repositories whose last part is `name` (all that can be near one)."""
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


class ListRepository(Protocol):
    """A signed list: a helper fetches and verifies it, generations of it lie on this host."""

    def in_force(self) -> SyncReport | None:
        """What was adopted last, as it was then; None before anything was. Quick, no network."""
        ...

    def floor(self) -> datetime | None:
        """The latest signed time that was accepted: it is not earlier than that."""
        ...

    def changed(self) -> bool:
        """Whether the repository's timestamp is another than the one in force. One conditional
        request; raises `SyncFailed` when there was no answer."""
        ...

    def sync(self, now: datetime) -> SyncReport:
        """Fetch, verify and adopt; takes up to minutes. Raises `SyncFailed` when the helper gave
        no answer; what it found wrong is in the answer's `error`."""
        ...
