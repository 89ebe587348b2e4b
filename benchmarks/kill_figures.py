"""What samples of killed containers come to: shares, percentiles, and the agent's own honesty."""

import statistics
from collections.abc import Mapping

from benchmarks import guards
from benchmarks.figures import Figure
from benchmarks.kills import OWN, GuardResult
from benchmarks.stats import percentile


def figures(results: Mapping[str, GuardResult]) -> dict[str, Figure]:
    """Share that ran and milliseconds alive under each guard; ours beside what they are held to."""
    found: dict[str, Figure] = {}
    for guard, result in results.items():
        samples = result.samples
        alive = [sample.alive_ms for sample in samples if sample.ran]
        goal = "0" if guard == guards.DOCKWARDEN else ""
        share = 100 * len(alive) / len(samples)
        found[f"{guard}/ran"] = Figure(share, f"% of {len(samples)}", goal)
        if alive:
            found[f"{guard}/alive_p50"] = Figure(percentile(alive, 0.5), "ms")
            found[f"{guard}/alive_p99"] = Figure(percentile(alive, 0.99), "ms")
        if survivors := sum(sample.survived for sample in samples):
            found[f"{guard}/survived"] = Figure(survivors, "containers")
    for guard in OWN:
        found |= {f"{guard}/{name}": one for name, one in _honesty(results[guard]).items()}
    return _compared(found)


def _honesty(result: GuardResult) -> dict[str, Figure]:
    """The agent's own words against the probe's."""
    silent = sum(sample.name not in result.reported for sample in result.samples)
    said = [(s, result.reported[s.name]) for s in result.samples if s.name in result.reported]
    belittled = sum(sample.ran and ran_ms == 0 for sample, ran_ms in said)
    found = {
        "unreported": Figure(silent, "containers", "0"),
        "belittled": Figure(belittled, "containers", "0"),  # ran, and said to have never run
    }
    apart = [ms - sample.alive_ms for sample, ms in said if ms is not None and sample.ran]
    if apart:
        found["ran_ms_off"] = Figure(statistics.median(apart), "ms")
    return found


def _compared(found: dict[str, Figure]) -> dict[str, Figure]:
    """Put the baselines beside our own figures."""
    script = found[f"{guards.DOCKER_PY}/ran"]
    ours = found[f"{guards.DOCKWARDEN}/ran"]
    found[f"{guards.DOCKWARDEN}/ran"] = Figure(ours.value, ours.unit, ours.goal, script.value)
    third, raw = (found.get(f"{guard}/alive_p50") for guard in (guards.START_POINT, guards.RAW))
    if third and raw and raw.value:
        ratio = third.value / raw.value
        found[f"{guards.START_POINT}/ratio"] = Figure(ratio, "x raw limit", "<= 1.5", 1.0)
    return found
