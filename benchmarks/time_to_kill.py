"""How long unapproved code runs, and what approved containers pay for it, on real engines.

`python -m benchmarks.time_to_kill [--quick] [--engines LIST] [--json FILE [--resume]]` needs root.
Each flavour of the lab (engine/cgroup/store) has seven chapters: three ways of starting, alone and
ten at once, and approved runs. Figures are written after each, so a run can be cut and resumed.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import kill_figures, kills, overhead
from benchmarks.arena import WAVE, Arena, arenas
from benchmarks.figures import Figure, read, show, write
from benchmarks.guards import GUARDS
from benchmarks.tables import markdown
from tests.lab import flavours
from tests.lab.errors import LabError
from tests.lab.flavours import Flavour

WAYS = ("cli", "docker-py", "api")
APPROVED = "approved"
_PAIRS = 2  # overhead pairs for each container of `n`: a per cent wants many


def chapters(ways: Sequence[str]) -> Iterator[tuple[str, str, int]]:
    """Each chapter's name, way of starting and containers at once (0: approved runs)."""
    for way in ways:
        yield f"{way}/alone", way, 1
        yield f"{way}/x{WAVE}", way, WAVE
    yield APPROVED, "", 0


class Run:
    """One run of the benchmark; figures gather in `figures`."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.figures: dict[str, Figure] = {}
        if options.resume and options.json and options.json.exists():
            self.figures = read(options.json)
        self._began = time.monotonic()

    def flavour(self, flavour: Flavour) -> None:
        """All chapters of one flavour that are not measured yet, while its time lasts."""
        todo = [one for one in chapters(self.options.ways) if not self._done(flavour, one[0])]
        if not todo:
            return self.say(f"{flavour}: measured already")
        end = time.monotonic() + self.options.minutes * 60
        self.say(f"{flavour}: {len(GUARDS)} hosts")
        with arenas(flavour, len(GUARDS)) as hosts:
            for name, way, at_once in todo:
                if time.monotonic() > end:
                    self.say(f"{flavour}: time is up before {name}; go on with --resume")
                    return None
                self._chapter(hosts, f"{flavour}/{name}", way, at_once)
        return None

    def _done(self, flavour: Flavour, chapter: str) -> bool:
        return any(name.startswith(f"{flavour}/{chapter}/") for name in self.figures)

    def _chapter(self, hosts: Sequence[Arena], name: str, way: str, at_once: int) -> None:
        def say(words: str) -> None:
            self.say(f"{name}: {words}")

        n, baseline_n = self.options.n, self.options.baseline_n
        if at_once:
            plan = kills.plan(n, baseline_n, at_once=at_once)
            found = kill_figures.figures(kills.measure(hosts, way, plan, say))
        else:
            found = overhead.measure(hosts, n * _PAIRS, say)
        self.figures |= {f"{name}/{figure}": one for figure, one in found.items()}
        if self.options.json:
            write(self.figures, self.options.json)

    def say(self, words: str) -> None:
        """One line of progress."""
        print(f"{time.monotonic() - self._began:7.0f} s  {words}", file=sys.stderr, flush=True)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.time_to_kill", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="n = 10: minutes, rough figures")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--resume", action="store_true", help="leave out what FILE has already")
    parser.add_argument("--engines", default="", metavar="LIST", help="as for the lab's tests")
    parser.add_argument("--ways", default=",".join(WAYS), metavar="LIST", help=", ".join(WAYS))
    parser.add_argument("-n", type=int, help="containers under each guard in each chapter (300)")
    parser.add_argument("--baseline-n", type=int, metavar="N", help="under the slow two (n / 3)")
    parser.add_argument("--minutes", type=float, default=90, help="begin no chapter of a flavour "
                        "after so many minutes (%(default)s)")  # fmt: skip
    options = parser.parse_args(arguments)
    options.n = options.n or (10 if options.quick else 300)
    options.baseline_n = options.baseline_n or (options.n if options.quick else -(-options.n // 3))
    options.ways = options.ways.split(",")
    if unknown := set(options.ways) - set(WAYS):
        parser.error(f"no way of starting {', '.join(unknown)}; known: {', '.join(WAYS)}")
    try:
        options.engines = flavours.parse(options.engines)
    except LabError as error:
        parser.error(str(error))
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure flavour by flavour, print, write the JSON file if one is wanted; 1 if one failed."""
    options = _options(arguments)
    if os.geteuid() != 0:
        print("real engines need root: sudo python -m benchmarks.time_to_kill", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that hosts are taken down
    run = Run(options)
    failed = 0
    for flavour in options.engines:
        try:
            run.flavour(flavour)
        except LabError as error:  # the other flavours can still be measured
            run.say(f"{flavour}: {error}")
            failed = 1
    print(show(run.figures))
    print(markdown(run.figures))
    return failed


if __name__ == "__main__":
    sys.exit(main())
