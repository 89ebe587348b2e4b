"""Reports what the firewall refused: each registry and source at once, its repeats by the minute.

A client that retries in a loop makes one finding a minute with a count, and hides no other.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.ports import Clock
from agent.ports.lockdown_values import Refusal
from agent.reporting.finding_factory import FindingFactory
from core.findings.finding import Finding

QUIET_SECONDS = 60.0  # between two findings about the same registry and source
MOST = 10_000  # pairs that are remembered
_STEP = (
    "Pull by the short name: it comes from the private registry. A service that engines need is "
    "allowed by [egress] allow."
)


@dataclass(slots=True)
class _Series:
    """One registry and source; `told_at` is monotonic seconds."""

    told_at: float
    waiting: Refusal | None = None


class EgressDenials:
    """Takes refusals as they come; `tick` reports repeats."""

    def __init__(
        self, clock: Clock, finding_factory: FindingFactory, emit: Callable[[Finding], None]
    ) -> None:
        self._clock, self._finding_factory, self._emit = clock, finding_factory, emit
        self._series: OrderedDict[tuple[str, str], _Series] = OrderedDict()

    def refused(self, refusal: Refusal) -> None:
        """The firewall turned somebody away."""
        key = (refusal.registry or refusal.destination, refusal.source)
        now = self._clock.monotonic()
        series = self._series.get(key)
        if series is None or now - series.told_at >= QUIET_SECONDS:
            self._tell(key, refusal, now, series)
        elif series.waiting is None:
            series.waiting = refusal
        else:
            count = series.waiting.count + refusal.count
            series.waiting = replace(refusal, count=count)

    def tick(self) -> None:
        """Report the repeats whose minute is over."""
        now = self._clock.monotonic()
        for key, series in list(self._series.items()):
            if series.waiting is not None and now - series.told_at >= QUIET_SECONDS:
                self._tell(key, series.waiting, now, None)

    def _tell(
        self, key: tuple[str, str], refusal: Refusal, now: float, before: _Series | None
    ) -> None:
        if before is not None and before.waiting is not None:
            refusal = replace(refusal, count=refusal.count + before.waiting.count)
        self._series[key] = _Series(now)
        self._series.move_to_end(key)
        while len(self._series) > MOST:
            self._series.popitem(last=False)
        self._emit(self._finding(refusal))

    def _finding(self, refusal: Refusal) -> Finding:
        what = refusal.registry or refusal.destination or "an address that is not allowed"
        who = "The engine" if refusal.source == "engine" else refusal.source
        packets = "1 packet" if refusal.count == 1 else f"{refusal.count} packets"
        notice = self._finding_factory.notice(
            "egress.refused",
            f"{who or 'Something on this host'} tried to reach {what} and was refused ({packets}).",
            registry=refusal.registry,
            destination=refusal.destination,
            source=refusal.source,
            count=str(refusal.count),
        )
        return replace(notice, next_step=_STEP)
