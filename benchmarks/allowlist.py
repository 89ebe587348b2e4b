"""What a look-up in the signed list costs at 1k, 100k and 1M approvals, and what an update does.

`python -m benchmarks.allowlist [--quick] [--sizes N,N] [--json FILE]`: lists of seven digests an
approval, compiled by the helper's own code and read by the daemon's, in a process of its own for
its memory. Baselines in the same run: a dict in memory, and the bare query on the same file.
"""

import argparse
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from agent.adapters.signed_list import SignedList
from agent.helpers.sync.list_index.index import compile_index
from agent.helpers.sync.list_index.index_rows import key_of
from benchmarks.allowlist_world import UPDATES, World, config_digests, wire, world
from benchmarks.figures import Figure, show, write
from benchmarks.stats import percentile
from core.image.digest import Digest
from core.image.identity import ImageIdentity

SIZES = (1_000, 100_000, 1_000_000)
QUICK = (1_000, 10_000)
LOOKUPS = 20_000
T = TypeVar("T")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="benchmarks.allowlist", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1k and 10k approvals only")
    parser.add_argument("--sizes", help="other numbers of approvals, comma-separated")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--reader", nargs=2, metavar=("DIRECTORY", "COUNT"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.reader:
        print(json.dumps(reader(Path(options.reader[0]), int(options.reader[1]))))
        return 0
    sizes: tuple[int, ...] = QUICK if options.quick else SIZES
    if options.sizes:
        sizes = tuple(map(int, options.sizes.split(",")))
    figures: dict[str, Figure] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="dwbench-") as folder:
            figures |= measure(Path(folder), size)
    print(show(figures))
    if options.json:
        write(figures, options.json)
    return 0


def measure(folder: Path, size: int) -> dict[str, Figure]:
    """All figures of one length."""
    name, blobs = f"{size}", folder / "blobs"
    blobs.mkdir()
    made = world(blobs, size)
    first = _generation(folder, 1)
    started = time.perf_counter()
    compile_index(None, first, made.given)
    load = time.perf_counter() - started
    told = looked_up(first.parent, size)
    chosen = config_digests(random.Random(2).sample(range(size), min(size, LOOKUPS)))
    in_dict, bare = dict_baseline(chosen), raw_baseline(first, chosen)
    kib = 1024
    figures = {
        f"{name}: look-up, p50": Figure(told["p50"], "us", "<= 20", bare[0]),
        f"{name}: look-up, p99": Figure(told["p99"], "us", "<= 20 (p50)", bare[1]),
        f"{name}: unlisted, p50": Figure(told["unlisted"], "us", "<= 20"),
        f"{name}: dict look-up, p50": Figure(in_dict, "us"),
        f"{name}: reader's memory growth": Figure(told["growth"] / kib / kib, "MB", "<= 5"),
        f"{name}: index": Figure(first.stat().st_size / kib / kib, "MB"),
        f"{name}: first load": Figure(load, "s"),
    }
    return figures | update_figures(folder, made, name)


def update_figures(folder: Path, made: World, name: str) -> dict[str, Figure]:
    """Ten approvals more: bytes on the wire for a host that had the list before, and seconds from
    the verified list to a durable index that has answered."""
    seconds: list[float] = []
    delta = 0
    for number in range(UPDATES):
        delta = made.update()
        before, after = _generation(folder, number + 1), _generation(folder, number + 2)
        started = time.perf_counter()
        compile_index(before, after, made.given)
        trusted = SignedList(after.parent)
        trusted.about(ImageIdentity(Digest.of(b"?")))
        seconds.append(time.perf_counter() - started)
        trusted.close()
        before.unlink()
    parts = wire(made.listing, delta)
    figures = {f"{name}: update, {k}": Figure(v, "bytes") for k, v in parts.items()}
    figures[f"{name}: update of 10, on the wire"] = Figure(sum(parts.values()), "bytes", "<= 5120")
    figures[f"{name}: switch, median"] = Figure(percentile(seconds, 0.5), "s", "<= 1")
    figures[f"{name}: switch, longest"] = Figure(max(seconds), "s", "<= 1")
    return figures


def looked_up(directory: Path, size: int) -> dict[str, float]:
    """What the reader's own process reports."""
    command = [sys.executable, "-m", "benchmarks.allowlist", "--reader", str(directory), str(size)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def reader(directory: Path, size: int) -> dict[str, float]:
    """Look-ups of random images, and by how much the process grew from before the list was opened
    to after them."""
    numbers = random.Random(1).choices(range(size), k=LOOKUPS)
    listed = [ImageIdentity(digest) for digest in config_digests(numbers)]
    unlisted = [ImageIdentity(Digest.of(f"? {number}".encode())) for number in numbers]
    times, misses = [0.0] * len(listed), [0.0] * len(unlisted)
    before = _resident()
    trusted = SignedList(directory)
    for n, image in enumerate(listed):
        times[n], told = timed(lambda image=image: trusted.about(image))  # type: ignore[misc] # bound now
        assert told.approvals
    for n, image in enumerate(unlisted):
        misses[n], told = timed(lambda image=image: trusted.about(image))  # type: ignore[misc] # bound now
        assert not told.approvals
    growth = _resident() - before
    return {
        "p50": percentile(times, 0.5),
        "p99": percentile(times, 0.99),
        "unlisted": percentile(misses, 0.5),
        "growth": growth,
    }


def timed(call: Callable[[], T]) -> tuple[float, T]:
    """Microseconds, and the result."""
    started = time.perf_counter_ns()
    found = call()
    return (time.perf_counter_ns() - started) / 1e3, found


def dict_baseline(digests: Sequence[Digest]) -> float:
    """The median of a look-up among as many digests in memory, microseconds."""
    known = {digest: number for number, digest in enumerate(digests)}
    return percentile([timed(lambda d=d: known[d])[0] for d in digests], 0.5)  # type: ignore[misc] # bound now


def raw_baseline(index: Path, digests: Sequence[Digest]) -> tuple[float, float]:
    """Median and p99 of the bare query, its rows not decoded, microseconds."""
    query = "SELECT body FROM digests JOIN entries USING (entry) WHERE key = ?"
    with closing(sqlite3.connect(f"file:{index}?mode=ro&immutable=1", uri=True)) as db:
        keys = [key_of(digest) for digest in digests]
        times = [timed(lambda k=k: db.execute(query, (k,)).fetchall())[0] for k in keys]  # type: ignore[misc] # bound now
    return percentile(times, 0.5), percentile(times, 0.99)


def _generation(folder: Path, number: int) -> Path:
    directory = folder / str(number)
    directory.mkdir(exist_ok=True)
    return directory / "index.sqlite"


def _resident() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("this kernel reports no VmRSS")


if __name__ == "__main__":
    sys.exit(main())
