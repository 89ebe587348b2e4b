"""Watches the signed list grow old: says so once, and closes it where its policy demands that.

Runs on the loop's thread; knows nothing of syncing.
"""

from agent.enforcement.enforce import Enforcer
from agent.enforcement.freshness import Freshness, ListFreshness, list_freshness
from agent.enforcement.rescan import Rescanner
from agent.helpers.sync.sync_request import SyncReport
from core.findings.finding import Kind


class FreshnessMonitor:
    """`list_freshness` is how fresh the list in force was at the last look; None without one."""

    def __init__(self, enforcer: Enforcer, rescanner: Rescanner) -> None:
        self._enforcer, self._rescanner = enforcer, rescanner
        self.list_freshness: ListFreshness | None = None

    def check(self, sync_report: SyncReport | None) -> None:
        """Compare with the time that verdicts go by."""
        if sync_report is None:
            return
        evaluator = self._enforcer.evaluator
        before = self.list_freshness.freshness if self.list_freshness else Freshness.FRESH
        now = self.list_freshness = list_freshness(sync_report, evaluator.time.now())
        if before is not now.freshness:
            self._tell(now, before, sync_report)
        if (evaluator.closed is not None) is not now.closes:
            evaluator.close(now if now.closes else None)
            self._rescanner.evaluate_known()

    def degraded(self) -> list[str]:
        """That it is not fresh, in words."""
        found = self.list_freshness
        if found is None or found.freshness is Freshness.FRESH:
            return []
        closed = "; nothing is approved any more" if found.closes else ""
        since = found.ended_at.isoformat(timespec="seconds")
        return [f"the allowlist is {found.freshness} since {since}{closed}"]

    def _tell(self, now: ListFreshness, before: Freshness, sync_report: SyncReport) -> None:
        ended = f"its timestamp ended on {now.ended_at.isoformat(sep=' ', timespec='seconds')}"
        match now.freshness:
            case Freshness.FRESH:
                self._emit("list.fresh_again", "The signed allowlist is fresh again.", Kind.NOTICE)
            case Freshness.STALE if before is Freshness.FRESH:
                until = now.too_stale_at.isoformat(sep=" ", timespec="seconds")
                self._emit(
                    "list.stale",
                    f"The signed allowlist is stale: {ended}. It stays in force until {until};"
                    f" then the organization's policy is {sync_report.when_too_stale}.",
                )
            case Freshness.TOO_STALE:
                closed, held = "nothing is approved any more", "the last good list stays in force"
                self._emit(
                    "list.too_stale",
                    f"The signed allowlist is too stale: {ended}. By the organization's policy"
                    f" {closed if now.closes else held}.",
                )

    def _emit(self, event: str, summary: str, kind: Kind = Kind.ALARM) -> None:
        self._enforcer.services.emit(
            self._enforcer.services.finding_factory.notice(event, summary, kind=kind)
        )
