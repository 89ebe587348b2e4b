"""What the page needs of the world; speaks the page's values, names no technology.

Every method may block and runs on a worker thread. Each raises `DockwardenError` when the store
does not answer; a thing that is not there is None or False, never an error.
"""

from datetime import datetime, timedelta
from typing import Protocol

from collector.model.accounts import Account, Session
from collector.model.page_values import (
    AuditEntry,
    FindingFilter,
    FindingRow,
    FleetSummary,
    HostDetail,
    HostFilter,
    HostRow,
    ImageHost,
    LevelCount,
    Secret,
    Slice,
    Slot,
    TimelineEntry,
    UnapprovedImage,
)


class Fleet(Protocol):
    """What the reports say. `limit` is a number of rows, `after` a former `Slice.after`."""

    def summary(self, now: datetime) -> FleetSummary:
        """The state of the fleet at `now`."""

    def over_time(self, parsed: FindingFilter, width: timedelta) -> tuple[Slot, ...]:
        """Slots of `width` from `parsed.since` to `parsed.until` (both given), none left out."""

    def by_level(self, parsed: FindingFilter) -> tuple[LevelCount, ...]:
        """Most violations first."""

    def scopes(self) -> tuple[str, ...]:
        """Every level that a host or a violation belongs to, sorted."""

    def unapproved(self, parsed: FindingFilter, limit: int) -> tuple[UnapprovedImage, ...]:
        """Images without approval, those on most hosts first."""

    def image_hosts(self, digest: str, after: str = "", limit: int = 100) -> Slice[ImageHost]:
        """The hosts on which the image was seen, latest first; empty if none."""

    def findings(
        self, parsed: FindingFilter, after: str = "", limit: int = 100
    ) -> Slice[FindingRow]:
        """Violations, latest first."""

    def hosts(
        self, parsed: HostFilter, now: datetime, after: str = "", limit: int = 100
    ) -> Slice[HostRow]:
        """Hosts, those in trouble first, then by name."""

    def host(self, host_id: str, now: datetime) -> HostDetail | None:
        """One host, or None."""

    def timeline(self, host_id: str, after: str = "", limit: int = 50) -> Slice[TimelineEntry]:
        """What happened on a host, latest first."""


class Enrolment(Protocol):
    """Who may report. Each change is written to the audit log in the same transaction."""

    def secrets(self) -> tuple[Secret, ...]:
        """All that have not been forgotten, latest first."""

    def create(
        self, note: str, lifetime: timedelta, most_uses: int | None, by: "Actor", now: datetime
    ) -> tuple[Secret, str]:
        """A new secret and its text, which exists nowhere else afterwards."""

    def revoke(self, secret_id: str, by: "Actor", now: datetime) -> bool:
        """False if there is no such secret in force."""

    def revoke_host(self, host_id: str, by: "Actor", now: datetime) -> bool:
        """Take the host's token away; False if it has none."""


class Actor(Protocol):
    """Who does something, for the audit log."""

    @property
    def who(self) -> str:
        """The account's name, or the subject that the identity provider vouches for."""

    @property
    def address(self) -> str:
        """The network address it came from."""


class Audit(Protocol):
    """The log of changes, which nobody edits."""

    def record(self, entry: AuditEntry) -> None:
        """Kept durably when this returns."""

    def entries(self, after: str = "", limit: int = 100) -> Slice[AuditEntry]:
        """Latest first."""

    def failed_logins(self, address: str, since: datetime) -> int:
        """How many `login.failed` came from the address, so that replicas share the limit."""


class Accounts(Protocol):
    """Local accounts and the sessions of all."""

    def account(self, name: str) -> Account | None:
        """A local account, or None."""

    def open_session(self, session: Session) -> None:
        """Keep it, and forget those that have expired by its `opened_at`."""

    def session(self, key: str, now: datetime) -> Session | None:
        """The session unless it is closed or has expired by `now`."""

    def close_session(self, key: str) -> None:
        """Forget it; nothing happens if there is none."""
