"""What the agent weighs and costs while nothing happens, on a host with a real engine.

Everything in the agent's cgroup counts: its main process, the gate's and whatever else it starts.
"""

import os
import sys
import time
from dataclasses import dataclass

import psutil

from benchmarks.arena import EVIL, GOOD, Arena, arenas
from benchmarks.figures import Figure
from benchmarks.guards import AGENT, BASELINE, Dockwarden, docker_py_script
from tests.lab.errors import LabError
from tests.lab.flavours import Flavour

FLAVOUR = Flavour("newest", "v2", "containerd")
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Weight:
    """Memory of all processes of a cgroup in MiB; `main` and `gate` are parts of `rss`."""

    rss: float
    pss: float
    main: float
    gate: float


def idle(*, quick: bool) -> dict[str, Figure]:
    """The figures of an idle agent; none without root, because the lab needs it."""
    if os.geteuid() != 0:
        print("the idle agent is left out: the lab needs root", file=sys.stderr)
        return {}
    seconds, runs = (10.0, 2) if quick else (600.0, 5)
    with arenas(FLAVOUR, 1) as (arena,):
        guard = Dockwarden(arena)
        guard.start()
        fresh = _weight(arena, AGENT)
        _busy(arena, runs)
        script = docker_py_script(arena)
        script.start()
        time.sleep(1.0)  # what start and runs left to do
        ours, theirs = arena.cpu_ns(AGENT), arena.cpu_ns(BASELINE)
        began = time.monotonic()
        time.sleep(seconds)
        share = 100e-9 / (time.monotonic() - began)
        ours, theirs = arena.cpu_ns(AGENT) - ours, arena.cpu_ns(BASELINE) - theirs
        used, base = _weight(arena, AGENT), _weight(arena, BASELINE)
        script.stop()
        guard.stop()
    return {
        "idle.rss_fresh": Figure(fresh.rss, "MiB", "<= 40"),
        "idle.rss": Figure(used.rss, "MiB", "<= 40", base.rss),
        "idle.rss_main": Figure(used.main, "MiB"),
        "idle.rss_gate": Figure(used.gate, "MiB"),
        "idle.pss": Figure(used.pss, "MiB", "", base.pss),
        "idle.cpu": Figure(ours * share, "% of a core", "<= 0.1", theirs * share),
    }


def _busy(arena: Arena, runs: int) -> None:
    """So many refused containers, and as many approved ones that go on running."""
    for number in range(runs):
        arena.wave(arena.ways.cli, [f"refused-{number}"])
        error = arena.ways.client("run", "-d", GOOD.reference(), "sleep", "86400")
        if error:
            raise LabError(f"an approved run failed: {error}")
    arena.agent.until(
        lambda: len(arena.agent.findings(event="container.refused")) == runs,
        f"{runs} refusals of {EVIL.reference()}",
    )


def _weight(arena: Arena, cgroup: str) -> Weight:
    rss = pss = main = gate = 0.0
    for pid in (arena.cgroup(cgroup) / "cgroup.procs").read_text().split():
        process = psutil.Process(int(pid))
        memory = process.memory_full_info()
        rss += memory.rss / _MIB
        pss += memory.pss / _MIB
        if any("agent/helpers/gate" in word for word in process.cmdline()):
            gate += memory.rss / _MIB
        elif process.ppid() == os.getpid():
            main += memory.rss / _MIB
    return Weight(rss, pss, main, gate)
