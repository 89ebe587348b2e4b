"""A signed list that needs no network: what is published is adopted by the next sync."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from agent.errors import SyncFailed
from agent.helpers.sync.sync_request import ScopeReport, SyncReport
from tests.fakes.clock import START

DAY = timedelta(days=1)
MAX_STALE = timedelta(days=7)


def sync_report(
    generation: int = 1, *, ends: datetime = START + DAY, closes: bool = False, problem: str = ""
) -> SyncReport:
    """What a sync says; the list's sequence is the generation's number."""
    return SyncReport(
        generation=generation,
        changed=True,
        sequence=generation,
        timestamp_expires_at=ends.isoformat(),
        published_at=(START - DAY).isoformat(),
        max_stale_seconds=int(MAX_STALE.total_seconds()),
        when_too_stale="close" if closes else "hold",
        scopes=(
            ScopeReport("acme", generation, (START + 90 * DAY).isoformat(), ("ann", "bob")),
            ScopeReport(
                "acme.pay", generation, (START + 90 * DAY).isoformat(), ("eve",), problem=problem
            ),
        ),
    )


@dataclass(slots=True)
class FakeListRepository:
    """`ports.ListRepository`. `server` is what it serves, None while it cannot be reached;
    `wrong` what its verification finds wrong."""

    server: SyncReport | None = None
    adopted: SyncReport | None = None
    lowest: datetime | None = None
    wrong: str = ""
    polls: int = 0
    syncs: list[datetime] = field(default_factory=list)

    def in_force(self) -> SyncReport | None:
        """See the port."""
        return self.adopted

    def floor(self) -> datetime | None:
        """See the port."""
        return self.lowest

    def changed(self) -> bool:
        """See the port."""
        self.polls += 1
        if self.server is None:
            raise SyncFailed("https://lists.acme.test: no route to host")
        return self.server != self.adopted

    def sync(self, now: datetime) -> SyncReport:
        """See the port."""
        self.syncs.append(now)
        if self.server is None:
            raise SyncFailed("https://lists.acme.test: no route to host")
        if self.wrong:
            kept = self.adopted or SyncReport(0, False)
            return replace(kept, changed=False, error=self.wrong, hint="publish again")
        found = replace(self.server, changed=self.server != self.adopted)
        self.adopted = self.server
        return found
