"""How old the signed list is and what that means; knows no clock but the one it is given."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from agent.helpers.sync.sync_request import SyncReport
from agent.ports import Clock
from core.decision.decision import Decision
from core.decision.verdict import Verdict

CLOSE = "close"  # the organization's policy: nothing approves once the list is too stale
_NEVER = datetime.fromtimestamp(0, UTC)


class Freshness(StrEnum):
    """What the repository's signed timestamp says of the list in force."""

    UNSIGNED = "unsigned"
    FRESH = "fresh"
    STALE = "stale"
    TOO_STALE = "too stale"


@dataclass(frozen=True, slots=True)
class ListFreshness:
    """`ended_at` is when the timestamp ended or will; `too_stale_at` when the policy decides."""

    freshness: Freshness
    ended_at: datetime
    too_stale_at: datetime
    closes: bool = False


def list_freshness(sync_report: SyncReport, now: datetime) -> ListFreshness:
    """How fresh the list in force is at `now`; one without a readable end has ended long ago."""
    ended_at = instant(sync_report.timestamp_expires_at) or _NEVER
    too_stale_at = ended_at + timedelta(seconds=sync_report.max_stale_seconds)
    if now < ended_at:
        freshness = Freshness.FRESH
    else:
        freshness = Freshness.STALE if now < too_stale_at else Freshness.TOO_STALE
    closes = freshness is Freshness.TOO_STALE and sync_report.when_too_stale == CLOSE
    return ListFreshness(freshness, ended_at, too_stale_at, closes)


def instant(text: str) -> datetime | None:
    """An ISO 8601 time with its zone; None for anything else."""
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def closed(decision: Decision, found: ListFreshness) -> Decision:
    """The decision where a list that is too stale approves nothing any more: denies and
    revocations hold, and what could not be observed stays so."""
    if decision.verdict.is_forbidden or decision.verdict is Verdict.UNDETERMINED:
        return decision
    ended = found.ended_at.isoformat(sep=" ", timespec="seconds").replace("+00:00", "Z")
    reason = (
        f"The signed allowlist ended on {ended} and is too stale to approve anything: the"
        f" organization's policy is to close. Before that: {decision.reason}"
    )
    return replace(decision, verdict=Verdict.UNLISTED, reason=reason, until=None)


class TrustedTime:
    """The time that verdicts go by: never before the latest signed time that was accepted, and
    never slower than the machine has run since, whatever its wall clock says."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._floor = _NEVER
        self._known_at = 0.0

    def raise_to(self, floor: datetime) -> None:
        """The time is at least this; one before the present floor changes nothing."""
        if floor > self._risen():
            self._floor, self._known_at = floor, self._clock.monotonic()

    def now(self) -> datetime:
        """Aware, UTC."""
        return max(self._clock.now(), self._risen())

    def _risen(self) -> datetime:
        return self._floor + timedelta(seconds=self._clock.monotonic() - self._known_at)
