"""What the page reads of the fleet (`collector.model.page_ports.Fleet`); knows no HTML."""

from datetime import datetime, timedelta

from sqlalchemy import select, union

from collector.model.page_values import (
    FindingFilter,
    FindingRow,
    FleetSummary,
    HostDetail,
    HostFilter,
    HostRow,
    ImageHost,
    LevelCount,
    Slice,
    Slot,
    TimelineEntry,
    UnapprovedImage,
)
from collector.store.database import Database
from collector.store.schema import hosts, rollups
from collector.store.views import findings, fleet_summary, host_rows, image_hosts


class FleetReader:
    """Every method is one read transaction and raises `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def summary(self, now: datetime) -> FleetSummary:
        """The state of the fleet at `now`; hosts whose token was revoked are left out."""
        with self._database.read() as connection:
            return fleet_summary.summary(connection, now)

    def over_time(self, criteria: FindingFilter, width: timedelta) -> tuple[Slot, ...]:
        """Slots of `width` between `since` and `until` (both given), none left out."""
        with self._database.read() as connection:
            return findings.over_time(connection, criteria, width)

    def by_level(self, criteria: FindingFilter) -> tuple[LevelCount, ...]:
        """Most violations first."""
        with self._database.read() as connection:
            return findings.by_level(connection, criteria)

    def scopes(self) -> tuple[str, ...]:
        """Every level that a host or a violation belongs to, sorted."""
        statement = union(select(hosts.c.scope), select(rollups.c.scope))
        with self._database.read() as connection:
            return tuple(sorted(filter(None, connection.execute(statement).scalars())))

    def unapproved(self, criteria: FindingFilter, limit: int) -> tuple[UnapprovedImage, ...]:
        """Images without approval, those on most hosts first."""
        with self._database.read() as connection:
            return findings.unapproved(connection, criteria, limit)

    def image_hosts(self, digest: str, after: str = "", limit: int = 100) -> Slice[ImageHost]:
        """The hosts on which the image was seen, latest first; empty if none."""
        with self._database.read() as connection:
            return image_hosts.with_image(connection, digest, after, limit)

    def findings(
        self, criteria: FindingFilter, after: str = "", limit: int = 100
    ) -> Slice[FindingRow]:
        """Violations, latest first."""
        with self._database.read() as connection:
            return findings.rows(connection, criteria, after, limit)

    def hosts(
        self, criteria: HostFilter, now: datetime, after: str = "", limit: int = 100
    ) -> Slice[HostRow]:
        """Hosts by name."""
        with self._database.read() as connection:
            return host_rows.rows(connection, criteria, now, after, limit)

    def host(self, host_id: str, now: datetime) -> HostDetail | None:
        """One host, or None."""
        with self._database.read() as connection:
            return host_rows.detail(connection, host_id, now)

    def timeline(self, host_id: str, after: str = "", limit: int = 50) -> Slice[TimelineEntry]:
        """What happened on a host, latest first."""
        with self._database.read() as connection:
            return findings.timeline(connection, host_id, after, limit)
