"""Keeps the signed list up to date: looks for changes, has them fetched, says what went wrong.

What it must not know: how a repository is asked and verified. Runs on the loop's thread.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agent.enforcement.enforce import Enforcer
from agent.enforcement.rescan import Rescanner
from agent.errors import SyncFailed
from agent.helpers.sync.sync_request import SyncReport
from agent.log import get_logger
from agent.policy.freshness_monitor import FreshnessMonitor
from agent.policy.list_loader import ListKeeper
from agent.ports import ListRepository
from agent.reporting.finding_factory import FindingFactory
from core.base_errors import DockwardenError
from core.findings.finding import Kind
from core.network.retry_delay import Backoff

log = get_logger(__name__)

JITTER = 0.2  # hosts that were started together must not ask together
SOONEST = 1.0  # s between two attempts, however the dice fall
TOLD = 32  # different failures of one outage that are reported; the log has all


@dataclass(frozen=True, slots=True)
class Periods:
    """Seconds between two looks for a change, and between two full syncs."""

    poll: float = 60.0
    refresh: float = 900.0


class Syncer:
    """One sync at a time; `spread(low, high)` draws a number between the two, `source` is where
    people find the repository."""

    def __init__(
        self,
        repository: ListRepository,
        lists: ListKeeper,
        enforcer: Enforcer,
        rescanner: Rescanner,
        *,
        periods: Periods,
        spread: Callable[[float, float], float],
        source: str = "",
    ) -> None:
        self._repository, self._lists = repository, lists
        self._enforcer = enforcer
        self._age = FreshnessMonitor(enforcer, rescanner)
        self._periods, self._spread = periods, spread
        self._source = source
        self._busy = False
        self._again = False
        self._begun = self._done = 0  # syncs, by number from 1
        self._last: dict[str, Any] = {}
        self._next_poll = self._next_sync = 0.0
        self._backoff = Backoff(periods.poll, periods.refresh, SOONEST)
        self._generation = 0  # whose list was asked for last
        self._told: set[str] = set()
        self.sync_report: SyncReport | None = None
        self.synced_at: datetime | None = None
        self.error = ""

    def start(self) -> None:
        """Take up what the list keeper loaded first, without any network; the first tick syncs."""
        self._take_up(self._repository.in_force())
        self._generation = self.sync_report.generation if self.sync_report else 0
        self._age.check(self.sync_report)

    def tick(self) -> None:
        """Do what is due."""
        self._age.check(self.sync_report)
        now = self._clock.monotonic()
        if self._busy:
            return
        if now >= self._next_sync:
            self.sync()
        elif now >= self._next_poll:
            self._busy = True
            self._enforcer.services.work.submit(self._repository.changed, self._polled)

    def sync(self) -> int:
        """Sync now, or once more after the one that is under way: what was published after that
        began must not be missed. Returns the number of the sync that `outcome` can be asked for.
        """
        number = self._begun + 1
        if self._busy:
            self._again = True
            return number
        self._busy, self._again, self._begun = True, False, number
        now = self._enforcer.evaluator.time.now()
        self._enforcer.services.work.submit(lambda: self._repository.sync(now), self._synced)
        return number

    def outcome(self, number: int) -> dict[str, Any]:
        """The outcome of this sync, or of a later one; `done` says whether there is one yet."""
        return {"done": self._done >= number, **(self._last if self._done >= number else {})}

    def status(self) -> dict[str, Any]:
        """The list's part of `dockwarden status` that only a signed one has."""
        sync_report, found = self.sync_report, self._age.list_freshness
        return {
            "source": self._source,
            "freshness": str(found.freshness) if found else "",
            "fresh_until": found.ended_at.isoformat() if found else None,
            "too_stale_at": found.too_stale_at.isoformat() if found else None,
            "when_too_stale": sync_report.when_too_stale if sync_report else "",
            "closed": bool(found and found.closes),
            "published_at": (sync_report.published_at or None) if sync_report else None,
            "generation": sync_report.generation if sync_report else 0,
            "synced_at": self.synced_at.isoformat() if self.synced_at else None,
            "sync_error": self.error,
            "scopes": [
                {"scope": s.scope, "sequence": s.sequence, "problem": s.problem}
                for s in (sync_report.scopes if sync_report else ())
            ],
        }

    def signers(self, scope: str) -> list[str]:
        """Whose signatures made this scope's list count."""
        scopes = self.sync_report.scopes if self.sync_report else ()
        return next((list(each.signers) for each in scopes if each.scope == scope), [])

    def degraded(self) -> list[str]:
        """Why the list is not as it should be, in words."""
        reasons = [f"the allowlist was not synced: {self.error}"] if self.error else []
        reasons += self._age.degraded()
        scopes = self.sync_report.scopes if self.sync_report else ()
        reasons += [f"scope {each.scope}: {each.problem}" for each in scopes if each.problem]
        return reasons

    # Outcomes.

    def _polled(self, changed: bool | DockwardenError) -> None:
        self._busy = False
        if isinstance(changed, DockwardenError):
            log.info("list.not_polled", error=str(changed))
            self._next_poll = self._clock.monotonic() + self._pause()
        else:
            if not self.error:
                self._backoff.succeeded()
            self._next_poll = self._clock.monotonic() + self._jittered(self._periods.poll)
        if changed is True or self._again:
            self.sync()

    def _synced(self, result: SyncReport | DockwardenError) -> None:
        self._busy, self._done = False, self._begun
        error: DockwardenError | None = result if isinstance(result, DockwardenError) else None
        if isinstance(result, SyncReport):
            if result.error:
                error = SyncFailed(result.error, hint=result.hint)
            self._take_up(self._repository.in_force() if error else result)
        now = self._clock.monotonic()
        if error is None:
            self._succeeded()
            self._next_poll = now + self._jittered(self._periods.poll)
            self._next_sync = now + self._jittered(self._periods.refresh)
        else:
            self._next_poll = self._next_sync = now + self._pause()
            self._failed(error)
        if self.sync_report is not None and self.sync_report.generation != self._generation:
            self._generation = self.sync_report.generation
            self._lists.load()
        self._age.check(self.sync_report)
        self._last = self._told_of(result, error)
        if self._again:
            self.sync()

    def _told_of(
        self, result: SyncReport | DockwardenError, error: DockwardenError | None
    ) -> dict[str, Any]:
        return {
            "changed": isinstance(result, SyncReport) and result.changed and not error,
            "error": error.message if error else "",
            "hint": error.hint if error else "",
            **self.status(),
            "sequence": self.sync_report.sequence if self.sync_report else None,
        }

    def _succeeded(self) -> None:
        self.synced_at = self._clock.now()
        if self.error:
            self._emit("list.sync_recovered", "The signed allowlist is synced again.")
        self._backoff.succeeded()
        self.error = ""
        self._told.clear()

    def _failed(self, error: DockwardenError) -> None:
        self.error = str(error)
        log.warning("list.not_synced", error=self.error, failures=self._backoff.failures)
        if self.error in self._told or len(self._told) >= TOLD:
            return
        self._told.add(self.error)
        trusted = self._enforcer.evaluator.trusted
        kept = f"Allowlist {trusted.info.sequence} stays in force." if trusted else "None is yet."
        summary = f"The signed allowlist was not synced: {self.error}. {kept}"
        self._emit("list.sync_failed", summary, kind=Kind.ALARM)

    def _take_up(self, sync_report: SyncReport | None) -> None:
        """What is in force, and which of its scopes is not as new as it could be."""
        before = (
            {(s.scope, s.problem) for s in self.sync_report.scopes} if self.sync_report else set()
        )
        self.sync_report = (
            sync_report if sync_report is not None and sync_report.generation else None
        )
        if (floor := self._repository.floor()) is not None:
            self._enforcer.evaluator.time.raise_to(floor)
        for scope in self.sync_report.scopes if self.sync_report else ():
            if scope.problem and (scope.scope, scope.problem) not in before:
                summary = (
                    f"The newest list of {scope.scope} was not adopted: {scope.problem}."
                    f" Its list {scope.sequence} stays in force; other scopes are not affected."
                )
                self._emit("list.scope_rejected", summary, kind=Kind.ALARM, scope=scope.scope)

    # Small parts.

    @property
    def _clock(self) -> Any:
        return self._enforcer.services.clock

    def _emit(self, event: str, summary: str, *, kind: Kind = Kind.NOTICE, **details: str) -> None:
        finding_factory: FindingFactory = self._enforcer.services.finding_factory
        self._enforcer.services.emit(finding_factory.notice(event, summary, kind=kind, **details))

    def _jittered(self, period: float) -> float:
        return period * self._spread(1 - JITTER, 1 + JITTER)

    def _pause(self) -> float:
        return self._backoff.failed(self._spread(0.0, 1.0))
