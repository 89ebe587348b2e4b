"""A lab host of a benchmark: one approved and one unapproved image, containers by the wave.

The probe in the images says whether user code ran and for how long; nothing here asks the engine
about a container while it may still be under way, because that alone would delay a kill.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ways import Start, Ways
from tests.lab import cgroups, images
from tests.lab.agent import LabAgent
from tests.lab.flavours import Flavour
from tests.lab.host import LabHost
from tests.lab.probe import Probe
from tests.lab.registry import Registry

GOOD = images.build("acme/good", platforms=("linux/amd64",))
EVIL = images.build("acme/evil", platforms=("linux/amd64",))
WAVE = 10  # containers at once

_LONGEST_S = 20.0  # what is alive after that survives


@dataclass(frozen=True, slots=True)
class Sample:
    """What became of one container: whether its code ran, for how many milliseconds (a lower
    bound if it `survived`), and the message that its starter got if that failed."""

    name: str
    ran: bool
    alive_ms: float
    survived: bool
    error: str


class Arena:
    """One host with its images, its ways of starting and its agent (not running yet)."""

    def __init__(self, host: LabHost) -> None:
        self.host = host
        self.ways = Ways(host)
        self.agent = LabAgent(host)
        self.agent.configure()
        self.agent.allow(GOOD)
        self._pool = ThreadPoolExecutor(WAVE)

    def close(self) -> None:
        """Give up threads and connections; the host is its maker's to close."""
        self._pool.shutdown()
        self.ways.close()

    def wave(self, start: Start, names: Sequence[str]) -> list[Sample]:
        """Start unapproved containers all at once; return when every one has ended."""
        probes = [Probe(self.host.work / "probes" / name) for name in names]
        if len(names) == 1:
            errors = [start(names[0], EVIL.reference(), probes[0])]
        else:
            barrier = threading.Barrier(len(names))

            def together(name: str, probe: Probe) -> str:
                barrier.wait()
                return start(name, EVIL.reference(), probe)

            errors = list(self._pool.map(together, names, probes))
        survived = not self._ended()
        samples = [
            _sample(name, probe, error, survived=survived)
            for name, probe, error in zip(names, probes, errors, strict=True)
        ]
        if survived:
            self.clear()
        return samples

    def clear(self) -> None:
        """Remove all containers and the probes' files."""
        self.host.remove_containers()
        for file in (self.host.work / "probes").iterdir():
            file.unlink()

    def cgroup(self, name: str) -> Path:
        """The directory, in the version 2 hierarchy, of one of the host's own cgroups."""
        return cgroups.unified() / self.host.name / name

    def cpu_ns(self, cgroup: str) -> int:
        """CPU that the cgroup's processes used so far, those that ended included."""
        text = (self.cgroup(cgroup) / "cpu.stat").read_text()
        return 1000 * int(text.split()[1])  # usage_usec comes first

    def _ended(self) -> bool:
        end = time.monotonic() + _LONGEST_S
        while self._populated():
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def _populated(self) -> bool:
        for procs in self.host.containers_cgroup.glob("*/cgroup.procs"):
            try:
                if procs.read_text():
                    return True
            except OSError:  # it ended meanwhile
                continue
        return False


def _sample(name: str, probe: Probe, error: str, *, survived: bool) -> Sample:
    reading = probe.read()
    return Sample(
        name,
        ran=probe.file.exists(),  # user code makes the file before it can write times
        alive_ms=reading.ran_ms if reading else 0.0,
        survived=survived and reading is not None and _recent(reading.last_ns),
        error=error,
    )


def _recent(last_ns: int) -> bool:
    return time.monotonic_ns() - last_ns < 1_000_000_000


@contextmanager
def arenas(flavour: Flavour, count: int) -> Iterator[list[Arena]]:
    """So many hosts of one flavour, side by side, with both images pulled."""
    with ExitStack() as stack:
        opened = []
        for _ in range(count):
            host = stack.enter_context(
                LabHost(flavour.engine, cgroup=flavour.cgroup, store=flavour.store)
            )
            with Registry(host) as registry:
                for image in (GOOD, EVIL):
                    registry.push(image)
                    host.docker("pull", "-q", image.reference())
            arena = Arena(host)
            stack.callback(arena.close)
            opened.append(arena)
        yield opened
