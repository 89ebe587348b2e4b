"""What guarding costs an approved `docker run`: pairs on two hosts, one guarded and one not.

The two take turns in going first, and after each block they swap roles, so that neither the order
nor a host's peculiarity counts for or against the agent.
"""

import statistics
import time
from collections.abc import Sequence

from benchmarks.arena import GOOD, Arena
from benchmarks.figures import Figure
from benchmarks.guards import Dockwarden
from benchmarks.kills import Say
from benchmarks.stats import median_interval
from tests.lab.errors import LabError

BLOCK = 25  # pairs between two swaps
_WARM_UPS = 2


def measure(arenas: Sequence[Arena], pairs: int, say: Say) -> dict[str, Figure]:
    """At least so many pairs, the same number with either host guarded."""
    blocks = max(2, 2 * round(pairs / BLOCK / 2))
    per_block = -(-pairs // blocks)
    taken: list[tuple[float, float]] = []
    for block in range(blocks):
        guarded, bare = arenas[block % 2], arenas[1 - block % 2]
        taken += _block(guarded, bare, per_block)
        say(f"block {block + 1} of {blocks}: {_overhead(taken):+.2f} %")
    return figures(taken)


def _block(guarded: Arena, bare: Arena, pairs: int) -> list[tuple[float, float]]:
    guard = Dockwarden(guarded)
    guard.start()
    try:
        for _ in range(_WARM_UPS):
            _run_s(guarded)
            _run_s(bare)
        taken = []
        for number in range(pairs):
            if number % 2:
                without = _run_s(bare)
                taken.append((_run_s(guarded), without))
            else:
                taken.append((_run_s(guarded), _run_s(bare)))
        return taken
    finally:
        guard.stop()


def _run_s(arena: Arena) -> float:
    began = time.perf_counter()
    error = arena.ways.client("run", "--rm", GOOD.reference(), "true")
    took = time.perf_counter() - began
    if error:
        raise LabError(f"an approved run failed on {arena.host.name}: {error}")
    return took


def _overhead(taken: Sequence[tuple[float, float]]) -> float:
    return 100 * (statistics.median(with_ / without for with_, without in taken) - 1)


def figures(taken: Sequence[tuple[float, float]]) -> dict[str, Figure]:
    """The median of the paired ratios with its 95 % interval; `taken` holds (guarded, bare) in
    seconds."""
    low, high = median_interval([100 * (with_ / without - 1) for with_, without in taken])
    guarded, bare = (1000 * statistics.median(side) for side in zip(*taken, strict=True))
    return {
        "overhead": Figure(_overhead(taken), f"% of {len(taken)} pairs", "<= 2", 0.0),
        "overhead_low": Figure(low, "% (95 % interval)"),
        "overhead_high": Figure(high, "% (95 % interval)"),
        "run_p50": Figure(guarded, "ms", "", bare),
    }
