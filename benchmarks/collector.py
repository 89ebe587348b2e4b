"""How many reports a second the collector keeps, beside a server that keeps nothing.

    python -m benchmarks.collector [--quick] [--json FILE]

Every request carries findings of about a kilobyte with a proper hash chain, gzip'd beforehand; it
counts only when it was answered with 200, that is, after the commit. The load generator runs on the
same machine. Each cell has a database of its own.
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import psycopg

from benchmarks.collector_server import URL, WRITERS
from collector.store import partitions
from collector.store.database import Database
from collector.store.enrolment_store import EnrolmentStore, Person
from collector.store.migrate import migrate
from tests.collector.events import NOW, Sender, packed
from tests.collector.postgres import cluster

HOSTS = 32
_BENCH = Person("benchmark")


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure: reports a second, and a request's latency in milliseconds."""

    store: str
    workers: int
    batch: int
    reports: int
    per_second: float
    p50_ms: float
    p99_ms: float


def main() -> None:
    """Measure all cells and print them as a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="a tenth of the reports, one round")
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many is shown")
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    given = parser.parse_args()
    rounds, scale = (1, 10) if given.quick else (given.rounds, 1)
    cells: list[Cell] = []
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| store | workers | batch | reports/s | request p50 / p99 |")
    print("| --- | --- | --- | --- | --- |")
    with cluster() as server:
        for batch, reports in ((100, 60_000 // scale), (1, 8_000 // scale)):
            for store in ("null", "sqlite", "postgresql"):
                for workers in (1, 2):
                    found = [measure(store, workers, batch, reports, server) for _ in range(rounds)]
                    best = max(found, key=lambda cell: cell.per_second)
                    cells.append(best)
                    print(
                        f"| {store} | {workers} | {batch} | {best.per_second:,.0f}"
                        f" | {best.p50_ms:.1f} / {best.p99_ms:.1f} ms |",
                        flush=True,
                    )
    if given.json:
        given.json.write_text(json.dumps([asdict(cell) for cell in cells], indent=2) + "\n")


def measure(store: str, workers: int, batch: int, reports: int, server: str) -> Cell:
    """One cell, on a fresh database and fresh processes."""
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(_database(store, server))
        queues = _requests(url, batch, reports)
        address = stack.enter_context(_served(store, url, workers))
        started = time.perf_counter()
        latencies = asyncio.run(_load(address, queues))
        elapsed = time.perf_counter() - started
    latencies.sort()
    return Cell(
        store=store,
        workers=workers,
        batch=batch,
        reports=len(latencies) * batch,
        per_second=len(latencies) * batch / elapsed,
        p50_ms=latencies[len(latencies) // 2] * 1000,
        p99_ms=latencies[len(latencies) * 99 // 100] * 1000,
    )


@contextlib.contextmanager
def _database(store: str, server: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="dockwarden-benchmark-") as folder:
        if store != "postgresql":
            url = f"sqlite:///{folder}/collector.db"
            yield _migrated(url)
            return
        name = f"bench_{time.monotonic_ns()}"
        with psycopg.connect(server.format(name="postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
            yield _migrated(server.format(name=name))
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _migrated(url: str) -> str:
    database = Database.open(url)
    migrate(database)
    partitions.ensure(database, NOW)
    database.close()
    return url


def _requests(url: str, batch: int, reports: int) -> list[list[bytes]]:
    """For each host its requests, whole, in order."""
    database = Database.open(url)
    enrolments = EnrolmentStore(database)
    _, secret = enrolments.create("benchmark", timedelta(days=3650), None, _BENCH, NOW)
    queues = []
    for number in range(HOSTS):
        host = enrolments.enrol(
            secret, machine_id="", boot_id="", hostname=f"host-{number}", by=_BENCH, now=NOW
        )
        assert host is not None
        spool = Sender(host.host_id)
        count = reports // batch // HOSTS
        bodies = [packed(spool.findings(batch)) for _ in range(count)]
        queues.append([_request(body, host.token) for body in bodies])
    database.close()
    return queues


def _request(body: bytes, token: str) -> bytes:
    return (
        b"POST /v1/events HTTP/1.1\r\nHost: collector\r\n"
        b"Content-Type: application/cloudevents-batch+json\r\nContent-Encoding: gzip\r\n"
        b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s"
    ) % (token.encode(), len(body), body)


@contextlib.contextmanager
def _served(store: str, url: str, workers: int) -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = ("127.0.0.1", probe.getsockname()[1])
    target = ["benchmarks.collector_server:null", "--lifespan", "off"]
    if store != "null":
        target = ["benchmarks.collector_server:make", "--factory"]
    environment = os.environ | {URL: url, WRITERS: "1"}
    with subprocess.Popen(
        [
            sys.executable, "-m", "uvicorn", *target, "--host", address[0],
            "--port", str(address[1]), "--workers", str(workers), "--no-access-log",
            "--log-level", "warning",
        ],
        env=environment,
    ) as process:  # fmt: skip
        try:
            _wait_for(address, workers)
            yield address
        finally:
            process.terminate()


def _wait_for(address: tuple[str, int], workers: int) -> None:
    """Until somebody answers, and the other workers have had time to start as well."""
    for _ in range(300):
        with contextlib.suppress(OSError), socket.create_connection(address, 0.5):
            time.sleep(1.5 * (workers - 1))
            return
        time.sleep(0.05)
    raise SystemExit("the server did not start")


async def _load(address: tuple[str, int], queues: list[list[bytes]]) -> list[float]:
    found = await asyncio.gather(*(_host(address, queue) for queue in queues))
    return [latency for host in found for latency in host]


async def _host(address: tuple[str, int], queue: list[bytes]) -> list[float]:
    """One host on one connection: the next request when the last one is acknowledged."""
    reader, writer = await asyncio.open_connection(*address)
    latencies = []
    for request in queue:
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise SystemExit(f"refused: {head!r}")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        await reader.readexactly(length)
        latencies.append(time.perf_counter() - began)
    writer.close()
    return latencies


if __name__ == "__main__":
    main()
