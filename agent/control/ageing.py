"""Watches the signed list grow old: says so once, and closes it where its policy demands that.

Runs on the loop's thread; knows nothing of syncing.
"""

from agent.control.enforce import Enforcer
from agent.control.freshness import Freshness, Standing, standing
from agent.control.sweep import Sweeper
from agent.domain.finding import Kind
from agent.sync.request import Answer


class AgeWatch:
    """`standing` is how fresh the list in force was at the last look; None without one."""

    def __init__(self, enforcer: Enforcer, sweeper: Sweeper) -> None:
        self._enforcer, self._sweeper = enforcer, sweeper
        self.standing: Standing | None = None

    def look(self, answer: Answer | None) -> None:
        """Compare with the time that verdicts go by."""
        if answer is None:
            return
        judge = self._enforcer.judge
        before = self.standing.freshness if self.standing else Freshness.FRESH
        now = self.standing = standing(answer, judge.time.now())
        if before is not now.freshness:
            self._tell(now, before, answer)
        if (judge.closed is not None) is not now.closes:
            judge.close(now if now.closes else None)
            self._sweeper.judge_known()

    def degraded(self) -> list[str]:
        """That it is not fresh, in words."""
        found = self.standing
        if found is None or found.freshness is Freshness.FRESH:
            return []
        closed = "; nothing is approved any more" if found.closes else ""
        since = found.ended_at.isoformat(timespec="seconds")
        return [f"the allowlist is {found.freshness} since {since}{closed}"]

    def _tell(self, now: Standing, before: Freshness, answer: Answer) -> None:
        ended = f"its timestamp ended on {now.ended_at.isoformat(sep=' ', timespec='seconds')}"
        match now.freshness:
            case Freshness.FRESH:
                self._emit("list.fresh_again", "The signed allowlist is fresh again.", Kind.NOTICE)
            case Freshness.STALE if before is Freshness.FRESH:
                until = now.too_stale_at.isoformat(sep=" ", timespec="seconds")
                self._emit(
                    "list.stale",
                    f"The signed allowlist is stale: {ended}. It stays in force until {until};"
                    f" then the organization says {answer.when_too_stale}.",
                )
            case Freshness.TOO_STALE:
                closed, held = "nothing is approved any more", "the last good list is held in force"
                self._emit(
                    "list.too_stale",
                    f"The signed allowlist is too stale: {ended}. By the organization's policy"
                    f" {closed if now.closes else held}.",
                )

    def _emit(self, event: str, summary: str, kind: Kind = Kind.ALARM) -> None:
        self._enforcer.tools.emit(self._enforcer.tools.composer.notice(event, summary, kind=kind))
