"""Counts findings for the metrics; knows their values, not how metrics are written.

No digest, container, image or host is counted separately: each would be a time series for ever.
"""

import threading
from collections import Counter
from collections.abc import Sequence

from core.findings.finding import Finding, Kind

BUCKETS_MS = (5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 10_000.0)


class FindingCounters:
    """`ports.FindingSink` that only counts, since the agent's start; safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.kinds: Counter[tuple[str, str]] = Counter()  # kind, severity
        self.verdicts: Counter[str] = Counter()
        self.actions: Counter[tuple[str, str, str]] = Counter()  # action, enforcement_point, result
        self.took: Counter[float] = Counter()  # by the smallest bucket's bound; inf for above
        self.took_sum_ms = 0.0
        self.ran = 0  # violations whose code ran before it was stopped

    def record(self, findings: Sequence[Finding]) -> None:
        """Count these."""
        with self._lock:
            for finding in findings:
                self._count(finding)

    def copy(self) -> "FindingCounters":
        """The counts of this moment."""
        with self._lock:
            same = FindingCounters()
            same.kinds, same.verdicts = self.kinds.copy(), self.verdicts.copy()
            same.actions, same.took = self.actions.copy(), self.took.copy()
            same.took_sum_ms, same.ran = self.took_sum_ms, self.ran
            return same

    def _count(self, finding: Finding) -> None:
        self.kinds[str(finding.kind), str(finding.severity)] += 1
        if finding.kind is not Kind.VIOLATION:
            return
        if finding.decision is not None:
            self.verdicts[str(finding.decision.verdict)] += 1
        if (outcome := finding.outcome) is None:
            return
        result = "failed" if outcome.error else "ok"
        self.actions[str(outcome.action), str(outcome.enforcement_point), result] += 1
        if outcome.action.touches and not outcome.error:
            if outcome.took_ms is not None:
                took = outcome.took_ms
                bound = next((b for b in BUCKETS_MS if took <= b), float("inf"))
                self.took[bound] += 1
                self.took_sum_ms += took
            self.ran += bool(outcome.ran_ms)
