"""What guarding costs an approved `docker run`: pairs on two hosts, one guarded and one not.

The two take turns in going first, and after each block they swap roles, so that neither the order
nor a host's peculiarity counts for or against the agent.
"""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.arena import GOOD, Arena
from benchmarks.figures import Figure
from benchmarks.guards import AGENT, Dockwarden
from benchmarks.kills import Say
from benchmarks.stats import median_interval
from tests.lab.errors import LabError

BLOCK = 25  # pairs between two swaps
_WARM_UPS = 2


@dataclass(frozen=True, slots=True)
class Pair:
    """One guarded and one bare run, and the CPU that the agent used during the first."""

    guarded_s: float
    bare_s: float
    agent_ms: float

    @property
    def slower(self) -> float:
        """By how many per cent the guarded one was."""
        return 100 * (self.guarded_s / self.bare_s - 1)


def measure(arenas: Sequence[Arena], pairs: int, say: Say) -> dict[str, Figure]:
    """At least so many pairs, the same number with either host guarded."""
    blocks = max(2, 2 * round(pairs / BLOCK / 2))
    per_block = -(-pairs // blocks)
    taken: list[Pair] = []
    for block in range(blocks):
        guarded, bare = arenas[block % 2], arenas[1 - block % 2]
        taken += _block(guarded, bare, per_block)
        say(f"block {block + 1} of {blocks}: {_overhead(taken):+.2f} %")
    return figures(taken)


def _block(guarded: Arena, bare: Arena, pairs: int) -> list[Pair]:
    guard = Dockwarden(guarded)
    guard.start()
    try:
        for _ in range(_WARM_UPS):
            _run_s(guarded)
            _run_s(bare)
        return [_pair(guarded, bare, guarded_first=number % 2 == 0) for number in range(pairs)]
    finally:
        guard.stop()


def _pair(guarded: Arena, bare: Arena, *, guarded_first: bool) -> Pair:
    without = 0.0 if guarded_first else _run_s(bare)
    before = guarded.cpu_ns(AGENT)
    with_ = _run_s(guarded)
    agent = guarded.cpu_ns(AGENT) - before
    return Pair(with_, without or _run_s(bare), agent / 1e6)


def _run_s(arena: Arena) -> float:
    began = time.perf_counter()
    error = arena.ways.client("run", "--rm", GOOD.reference(), "true")
    took = time.perf_counter() - began
    if error:
        raise LabError(f"an approved run failed on {arena.host.name}: {error}")
    return took


def _overhead(taken: Sequence[Pair]) -> float:
    return statistics.median(pair.slower for pair in taken)


def figures(taken: Sequence[Pair]) -> dict[str, Figure]:
    """The median of the paired ratios with its 95 % interval, and what went into it."""
    low, high = median_interval([pair.slower for pair in taken])
    guarded = 1000 * statistics.median(pair.guarded_s for pair in taken)
    bare = 1000 * statistics.median(pair.bare_s for pair in taken)
    agent = statistics.median(pair.agent_ms for pair in taken)
    return {
        "overhead": Figure(_overhead(taken), f"% of {len(taken)} pairs", "<= 2", 0.0),
        "overhead_low": Figure(low, "% (95 % interval)"),
        "overhead_high": Figure(high, "% (95 % interval)"),
        "run_p50": Figure(guarded, "ms", "", bare),
        "agent_cpu": Figure(agent, "ms a run"),
    }
