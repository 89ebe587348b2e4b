"""The collector is gone while 100,000 violations arrive; then it comes back. What is lost?

Time is simulated (three days of outage, then the drain's pauses), and so is the engine: findings
are composed as the enforcement loop composes them. Recorder, sinks, spool, uplink session, HTTP
and the collector are the real ones. Run: python -m benchmarks.outage [--quick] [--json FILE]
"""

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from threading import Event

import psutil

from agent.adapters.findings_file import JsonlFindings
from agent.adapters.spool import SqliteSpool
from agent.helpers.uplink import host_identity
from agent.helpers.uplink.batch import CONTENT_TYPE
from agent.helpers.uplink.http import Http
from agent.helpers.uplink.outbox import Outbox
from agent.helpers.uplink.session import Reply, Session
from agent.reporting.recorder import Kept, Recorder
from agent.reporting.spooling import AllSinks, SpooledFindings
from benchmarks.figures import Figure, show, write
from core.ids import new_id
from core.network.retry_delay import Backoff
from tests.fakes.clock import FakeClock
from tests.fakes.findings import a_finding
from tests.uplink.collector_process import CollectorProcess, collector_process
from tests.uplink.crashing import of_image

MANY, FEW = 100_000, 3_000
SPOOL_BYTES = 256_000_000
OUTAGE = timedelta(days=3)
PACE = 1.0  # seconds between requests, as the agent has it
AT_ONCE = 100  # violations that arrive together
SEED = 20261123


@dataclass(slots=True)
class Sent:
    """Requests by simulated second, and the sequence numbers in order of their delivery."""

    at: list[float] = field(default_factory=list)
    retries: list[float] = field(default_factory=list)


def outage(violations: int, folder: Path) -> dict[str, Figure]:
    """All figures of one outage; raises AssertionError where something was lost or twice."""
    clock, sent = FakeClock(), Sent()
    token = folder / "token.json"
    spool = SqliteSpool(folder / "spool.db", clock, max_bytes=SPOOL_BYTES, reserved=0.5)
    with collector_process(folder / "collector") as collector:
        http = Http(collector.url)
        host_identity.keep(
            token, host_identity.enrol(http.post, collector.url, collector.secret(), "web-1")
        )
        collector.end()
        growth = _arrive(violations, folder, spool, clock, sent, collector)
        waiting = spool.state()
        collector.start()
        began = clock.monotonic()
        real = time.monotonic()
        _drain(folder, token, clock, sent, collector)
        seconds, real = clock.monotonic() - began, time.monotonic() - real
        return {
            "spooled": Figure(waiting.records, "records", "", violations),
            **_evaluated(collector, violations),
            "memory_growth": Figure(round(growth, 1), "MiB", "<= 10", None),
            "spool_size": Figure(round(waiting.bytes / 1e6, 1), "MB", "", None),
            "drain_simulated": Figure(round(seconds), "s", "", None),
            "drain_real": Figure(round(real, 1), "s", "", None),
            "requests_in_any_second": Figure(_most_in_a_second(sent.at), "requests", "<= 1", None),
            "tries_while_gone": Figure(len(sent.retries), "requests", "", None),
        }


def _arrive(
    violations: int,
    folder: Path,
    spool: SqliteSpool,
    clock: FakeClock,
    sent: Sent,
    gone: CollectorProcess,
) -> float:
    """MiB by which this process grew, from a tenth of the way on."""
    kept, done, random = 0, Event(), Random(SEED)

    def count(message: Kept) -> None:
        nonlocal kept
        kept += len(message.findings)
        if kept == violations:
            done.set()

    own_file = JsonlFindings(folder / "violations.jsonl", max_bytes=100_000_000, keep=2)
    sinks = AllSinks([SpooledFindings(spool, clock, lambda: None), own_file], [])
    recorder = Recorder(sinks, [], complete=lambda f: f, kept=count, crashed=_fail)
    recorder.start()
    backoff, due, before = Backoff(), 0.0, 0.0
    for number in range(violations):
        clock.advance(OUTAGE.total_seconds() / violations)
        now = clock.now()
        finding = replace(a_finding(1), id=new_id(now, os.urandom(8)), at=now)
        recorder.record(of_image(finding, str(number % (violations // 2))))
        if number % AT_ONCE == 0:
            while kept < number - 10 * AT_ONCE:
                time.sleep(0.001)
        if clock.monotonic() >= due:
            sent.retries.append(clock.monotonic())
            assert not gone.answers()
            due = clock.monotonic() + backoff.failed(random.random())
        if number == violations // 10:
            before = _rss()
    assert done.wait(120), f"{kept} of {violations} were kept"
    growth = _rss() - before
    recorder.close()
    own_file.close()
    spool.settle()
    return growth


def _drain(
    folder: Path, token: Path, clock: FakeClock, sent: Sent, collector: CollectorProcess
) -> None:
    own = host_identity.read(token)
    assert own is not None  # it was enrolled
    http = Http(collector.url)
    headers = {
        "Authorization": f"Bearer {own.token}",
        "Content-Type": CONTENT_TYPE,
        "Content-Encoding": "gzip",
    }

    def post(body: bytes) -> Reply:
        sent.at.append(clock.monotonic())
        return http.post("/v1/events", body, headers)

    outbox = Outbox(folder / "spool.db")
    outcome = Session(
        outbox, own.host_id, post=post, wait=lambda _s: False, pause=clock.advance, pace=PACE
    ).run()
    assert outcome.why == "" and outbox.empty(), outcome


def _evaluated(collector: CollectorProcess, violations: int) -> dict[str, Figure]:
    """Lost and twice, by the collector's own database and by its sums."""
    (records, occurrences), *_ = collector.rows(
        "SELECT count(*), sum(occurrences) FROM events WHERE kind = 'violation'"
    )
    summed = collector.rows("SELECT sum(occurrences) FROM rollups")[0][0]
    gaps = collector.rows("SELECT count(*) FROM gaps")[0][0]
    disorder = collector.rows(
        "SELECT count(*) FROM events a JOIN events b ON b.sequence = a.sequence + 1"
        " WHERE b.received_at < a.received_at"
    )[0][0]
    got, total = int(str(occurrences)), int(str(summed))
    return {
        "records_kept": Figure(int(str(records)), "records", "", None),
        "lost": Figure(max(0, violations - got), "violations", "0", None),
        "double": Figure(max(0, got - violations, total - violations), "violations", "0", None),
        "gaps": Figure(int(str(gaps)), "gaps", "0", None),
        "out_of_order": Figure(int(str(disorder)), "records", "0", None),
    }


def _most_in_a_second(instants: list[float]) -> int:
    most = start = 0
    for end, at in enumerate(instants):
        while at - instants[start] >= 1.0 - 1e-6:
            start += 1
        most = max(most, end - start + 1)
    return most


def _rss() -> float:
    return float(psutil.Process().memory_info().rss) / (1 << 20)


def _fail(error: BaseException) -> None:
    print(f"the recorder died: {error!r}", file=sys.stderr)
    os._exit(1)


def main() -> int:
    """0 when nothing was lost, nothing was twice, memory stayed flat and no stampede came."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{FEW} violations")
    parser.add_argument("--json", type=Path, help="write the figures there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = outage(FEW if given.quick else MANY, Path(folder))
    print(show(figures))
    if given.json:
        write(figures, given.json)
    values = {name: figure.value for name, figure in figures.items()}
    wrong = [name for name in ("lost", "double", "gaps", "out_of_order") if values[name]]
    flat = values["memory_growth"] <= 10 and values["requests_in_any_second"] <= 1
    return 1 if wrong or not flat else 0


if __name__ == "__main__":
    sys.exit(main())
