"""The figures of time_to_kill as Markdown tables, a row a chapter; for people and the docs.

`python -m benchmarks.tables FILE` prints those of a file that `time_to_kill --json` wrote.
"""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.figures import Figure, read
from benchmarks.guards import DOCKWARDEN, GUARDS, START_POINT

Figures = Mapping[str, Figure]

_KILLS = ("host", "started by", *GUARDS, "start point / raw limit")
_WORDS = ("host", "started by", "unreported", "ran, reported as 0", "ran_ms less the probe's")
_RUNS = (
    "host",
    "guarded run",
    "unguarded run",
    "slower by",
    "95 % interval",
    "pairs",
    "agent's CPU a run",
)

_CHAPTER = re.compile(rf"([^/]+)/([^/]+/[^/]+)/{DOCKWARDEN}/ran")  # flavour, way of starting
_OVERHEAD = re.compile(r"([^/]+)/approved/overhead")


def markdown(figures: Figures) -> str:
    """What ran under each guard, what the agent said of it, what approved runs paid."""
    chapters = [match.groups() for match in map(_CHAPTER.fullmatch, figures) if match]
    hosts = [match[1] for match in map(_OVERHEAD.fullmatch, figures) if match]
    tables = [
        _table(_KILLS, [_kills(figures, *chapter) for chapter in chapters]),
        _table(_WORDS, [_words(figures, *chapter) for chapter in chapters]),
        _table(_RUNS, [_runs(figures, host) for host in hosts]),
    ]
    return "\n\n".join(tables)


def _kills(figures: Figures, host: str, way: str) -> list[str]:
    cells = [_cell(figures, f"{host}/{way}/{guard}") for guard in GUARDS]
    ratio = figures.get(f"{host}/{way}/{START_POINT}/ratio")
    return [host, way.replace("/", ", "), *cells, f"{ratio.value:.2f}" if ratio else ""]


def _cell(figures: Figures, prefix: str) -> str:
    ran = figures[f"{prefix}/ran"]
    words = f"{ran.value:.3g} % {ran.unit.removeprefix('% ')}"
    half, most = (figures.get(f"{prefix}/alive_{name}") for name in ("p50", "p99"))
    if half and most:
        words += f": {half.value:.1f} / {most.value:.1f} ms"
    survived = figures.get(f"{prefix}/survived")
    return f"{words}, {survived.value:.0f} survived" if survived else words


def _words(figures: Figures, host: str, way: str) -> list[str]:
    counts = [
        sum(figures[f"{host}/{way}/{guard}/{what}"].value for guard in (DOCKWARDEN, START_POINT))
        for what in ("unreported", "belittled")
    ]
    off = figures.get(f"{host}/{way}/{START_POINT}/ran_ms_off")
    apart = f"{off.value:+.1f} ms" if off else ""
    return [host, way.replace("/", ", "), *(f"{count:.0f}" for count in counts), apart]


def _runs(figures: Figures, host: str) -> list[str]:
    run, overhead, low, high, agent = (
        figures[f"{host}/approved/{name}"]
        for name in ("run_p50", "overhead", "overhead_low", "overhead_high", "agent_cpu")
    )
    return [
        host,
        f"{run.value:.0f} ms",
        f"{run.baseline:.0f} ms",
        f"{overhead.value:+.2f} %",
        f"{low.value:+.2f} to {high.value:+.2f} %",
        overhead.unit.removeprefix("% of ").removesuffix(" pairs"),
        f"{agent.value:.1f} ms",
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tables", description=__doc__)
    parser.add_argument("file", type=Path, help="what time_to_kill --json wrote")
    print(markdown(read(parser.parse_args().file)))
