"""The list that this host has, for verbs that need no running agent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from agent.enforcement.freshness import ListFreshness, TrustedTime, list_freshness

if TYPE_CHECKING:
    from agent.config.config_values import Config
    from agent.helpers.sync.sync_request import ScopeReport, SyncReport
    from agent.ports import Clock, TrustedList


@dataclass(frozen=True, slots=True)
class HostList:
    """The list in force, and for a signed one what was adopted and how fresh that is at `now`.

    `now` is what verdicts go by: never before the latest signed time that this host accepted.
    """

    trusted: "TrustedList"
    now: datetime
    sync_report: "SyncReport | None" = None
    list_freshness: ListFreshness | None = None
    signers: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def closed(self) -> ListFreshness | None:
        """Set while the list is too stale to approve anything."""
        return self.list_freshness if self.list_freshness and self.list_freshness.closes else None

    @property
    def scopes(self) -> "Sequence[ScopeReport]":
        """What is in force of each scope, top first; none for an unsigned list."""
        return self.sync_report.scopes if self.sync_report else ()

    def freshness(self) -> dict[str, Any]:
        """How fresh it is, as JSON."""
        found, sync_report = self.list_freshness, self.sync_report
        if found is None or sync_report is None:
            return {"freshness": "unsigned"}
        return {
            "freshness": str(found.freshness),
            "fresh_until": found.ended_at.isoformat(),
            "too_stale_at": found.too_stale_at.isoformat(),
            "when_too_stale": sync_report.when_too_stale,
            "closed": found.closes,
            "published_at": sync_report.published_at,
            "generation": sync_report.generation,
        }


def host_list(config: "Config", clock: "Clock") -> HostList:
    """What verdicts on this host are made of; raises `AllowlistRejected`."""
    if not config.allowlist.signed:
        from agent.adapters.allowlist_file import FileAllowlist

        return HostList(FileAllowlist(config.allowlist.path).load(), clock.now())
    from agent.app.list_wiring import repository

    signed = repository(config)
    assert signed is not None  # it is signed
    trusted, sync_report = signed.load(), signed.in_force()
    time = TrustedTime(clock)
    if (floor := signed.floor()) is not None:
        time.raise_to(floor)
    now = time.now()
    if sync_report is None:
        return HostList(trusted, now)
    signers = {scope.scope: scope.signers for scope in sync_report.scopes}
    return HostList(trusted, now, sync_report, list_freshness(sync_report, now), signers)
