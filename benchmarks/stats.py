"""The few statistics that figures are made of; pure, knows nothing of what was measured."""

import random
import statistics
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of all lie, interpolated; raises on no values."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def median_interval(values: Sequence[float], *, draws: int = 2000) -> tuple[float, float]:
    """The 95 % confidence interval of the median by percentile bootstrap; repeatable."""
    rng = random.Random(1)
    medians = [statistics.median(rng.choices(values, k=len(values))) for _ in range(draws)]
    return percentile(medians, 0.025), percentile(medians, 0.975)
