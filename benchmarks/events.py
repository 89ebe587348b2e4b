"""How many events a second the stream's reader takes, that none is lost, what idling costs.

`python -m benchmarks.events [--quick] [--json FILE]`: recorded events at full speed over a unix
socket, read on a thread that only queues, as the agent does; docker-py in the same run, in turns.
Then, as root, the agent at rest on a lab host (benchmarks/idle.py).
"""

import argparse
import queue
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.adapters.docker_engine import DockerEvents
from benchmarks.figures import Figure, show, write
from benchmarks.idle import idle

Read = Callable[[str], Iterable[int]]  # a socket's events, by their `timeNano`


@contextmanager
def replaying(count: int) -> Iterator[str]:
    """The socket of a process that replays `count` events to every reader."""
    with tempfile.TemporaryDirectory(prefix="dwbench-") as folder:
        path = f"{folder}/s"
        command = [sys.executable, "-m", "benchmarks.replay", path, str(count)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE)
        try:
            assert server.stdout is not None
            server.stdout.readline()
            yield path
        finally:
            server.kill()
            server.wait()


def queued(items: Iterable[Any]) -> Iterator[Any]:
    """The same items, read on a thread that only queues them."""
    line: queue.SimpleQueue[Any] = queue.SimpleQueue()
    end = object()

    def produce() -> None:
        for item in items:
            line.put(item)
        line.put(end)

    threading.Thread(target=produce, daemon=True).start()
    while (item := line.get()) is not end:
        yield item


def ours(path: str) -> Iterator[int]:
    """The agent's reader."""
    for batch in queued(DockerEvents(path).batches(None)):
        for event in batch:
            yield event.time_ns


def docker_py(path: str) -> Iterator[int]:
    """What docker-py offers for it."""
    import docker

    client = docker.APIClient(f"unix://{path}", version="1.41")
    for event in queued(client.events(decode=True)):
        yield event["timeNano"]


def run(read: Read, path: str, count: int) -> tuple[float, float, int]:
    """Events a second, CPU microseconds an event, and how many were missing or out of order."""
    started, used = time.perf_counter(), time.process_time()
    got = list(read(path))
    took, used = time.perf_counter() - started, time.process_time() - used
    expected = range(10**18, 10**18 + count)
    wrong = sum(a != b for a, b in zip(got, expected, strict=False)) + abs(count - len(got))
    return len(got) / took, used / count * 1e6, wrong


def stream(*, quick: bool) -> dict[str, Figure]:
    """The figures of the reader."""
    count, rounds = (30_000, 3) if quick else (200_000, 5)
    with replaying(count) as path:
        for read in (ours, docker_py):
            run(read, path, count)  # once for the imports
        pairs = [(run(ours, path, count), run(docker_py, path, count)) for _ in range(rounds)]
    rate, cpu, _ = (
        statistics.median(column) for column in zip(*(p[0] for p in pairs), strict=True)
    )
    base_rate, base_cpu, _ = (
        statistics.median(column) for column in zip(*(p[1] for p in pairs), strict=True)
    )
    lost, base_lost = (sum(pair[side][2] for pair in pairs) for side in (0, 1))
    return {
        "stream.rate": Figure(rate, "events/s", ">= 100000", base_rate),
        "stream.cpu": Figure(cpu, "us/event", "", base_cpu),
        "stream.lost": Figure(lost, "events", "0", base_lost),
    }


PARTS: tuple[Callable[..., dict[str, Figure]], ...] = (stream, idle)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write the JSON file if one is wanted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.events", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args(arguments)
    figures: dict[str, Figure] = {}
    for part in PARTS:
        figures |= part(quick=options.quick)
    print(show(figures))
    if options.json:
        write(figures, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
