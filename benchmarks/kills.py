"""Time to kill: the same unapproved containers under every guard, interleaved one by one.

Each guard has a host of its own; wave follows wave from host to host, so that a slow minute of the
machine is everybody's. After each round the guards move one host further: no host's peculiarity
sticks to one guard.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from benchmarks import guards
from benchmarks.arena import WAVE, Arena, Sample
from benchmarks.guards import GUARDS
from tests.lab.errors import LabError

Say = Callable[[str], None]

OWN = (guards.DOCKWARDEN, guards.START_POINT)
_WARM_UPS = 3
_SETTLES_S = 0.3  # after a start-up nothing else happens for so long
_REPORTED_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How many containers: `n` under dockwarden and at the raw limit, `baseline_n` under the
    slow baselines, `at_once` each time, guards moving on after each of `rounds`."""

    n: int
    baseline_n: int
    at_once: int
    rounds: int

    def waves(self, guard: str) -> int:
        """Waves under a guard in each round; never fewer than one."""
        n = self.baseline_n if guard in (guards.DOCKER_PY, guards.SHELL) else self.n
        return -(-n // (self.rounds * self.size))

    @property
    def size(self) -> int:
        """Containers in a wave."""
        return min(self.at_once, self.n)


@dataclass(slots=True)
class GuardResult:
    """What became of the containers under one guard, and what the agent reported: container
    name -> `ran_ms` as in its findings."""

    samples: list[Sample] = field(default_factory=list)
    reported: dict[str, float | None] = field(default_factory=dict)


def plan(n: int, baseline_n: int, *, at_once: int) -> Plan:
    """At most as many rounds as there are guards, each of ten containers at least."""
    rounds = max(1, min(len(GUARDS), n // WAVE, baseline_n // WAVE))
    return Plan(n, baseline_n, at_once, rounds)


def measure(arenas: Sequence[Arena], way: str, what: Plan, say: Say) -> dict[str, GuardResult]:
    """Run the plan with one way of starting."""
    results = {guard: GuardResult() for guard in GUARDS}
    for number in range(what.rounds):
        turned = [arenas[(number + place) % len(arenas)] for place in range(len(GUARDS))]
        posts = dict(zip(GUARDS, turned, strict=True))
        with guarded(posts):
            for guard, wave in _interleaved(what):
                arena = posts[guard]
                names = [f"{guard}-{number}-{wave}-{i}" for i in range(what.size)]
                results[guard].samples += arena.wave(arena.ways.by_name[way], names)
            for guard in OWN:
                results[guard].reported |= reported(posts[guard], results[guard].samples)
            for arena in arenas:
                arena.clear()
        say(f"round {number + 1} of {what.rounds}: {_summary(results)}")
    return results


@contextmanager
def guarded(posts: Mapping[str, Arena]) -> Iterator[None]:
    """These guards work on these hosts, and each has been seen to kill or refuse."""
    with ExitStack() as stack:
        for name, arena in posts.items():
            guard = GUARDS[name](arena)
            guard.start()
            stack.callback(guard.stop)
            time.sleep(_SETTLES_S)
            _warm_up(name, arena)
        yield


def _warm_up(guard: str, arena: Arena) -> None:
    for number in range(_WARM_UPS):
        (sample,) = arena.wave(arena.ways.cli, [f"warm-up-{guard}-{number}"])
        if not sample.survived:
            return
    raise LabError(f"{guard} does not kill on {arena.host.name}")


def _interleaved(what: Plan) -> Iterator[tuple[str, int]]:
    """Guard after guard, wave after wave; those with fewer waves drop out at the end."""
    for wave in range(max(map(what.waves, GUARDS))):
        for guard in GUARDS:
            if wave < what.waves(guard):
                yield guard, wave


def reported(arena: Arena, samples: Sequence[Sample]) -> dict[str, float | None]:
    """What the agent's findings say of these containers; waited for while some are missing."""
    wanted = {sample.name for sample in samples}
    end = time.monotonic() + _REPORTED_WITHIN_S
    while True:
        found = {
            record["container"]["name"]: record["outcome"]["ran_ms"]
            for record in arena.agent.findings()
            if record["container"] and record["container"]["name"] in wanted
        }
        if len(found) == len(wanted) or time.monotonic() > end:
            return found
        time.sleep(0.2)


def _summary(results: Mapping[str, GuardResult]) -> str:
    parts = []
    for guard, result in results.items():
        ran = [sample.alive_ms for sample in result.samples if sample.ran]
        alive = f", {statistics.median(ran):.1f} ms" if ran else ""
        parts.append(f"{guard} {len(ran)}/{len(result.samples)} ran{alive}")
    return "; ".join(parts)
