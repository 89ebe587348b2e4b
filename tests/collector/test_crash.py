"""kill -9 of the collector at random points: what was acknowledged is there, nothing twice.

Real processes, a real database file (or server), and senders that do what an agent does: they keep
each record until it is acknowledged, and send the same batch again after any break.
"""

import http.client
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from collector.store.database import Database
from collector.store.enrolment_store import EnrolmentStore
from collector.store.schema import chains, events, gaps, rollups
from tests.collector.events import NOW, Sender, packed
from tests.collector.local_collector import ADMIN, Host
from tests.patience import PATIENCE


class Spool:
    """A host that loses nothing it was not acknowledged."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.acknowledged: list[str] = []
        self.pending: list[dict[str, Any]] = []
        self.duplicates = 0

    def send_until_broken(self, port: int) -> None:
        """Batch after batch until the collector is gone."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            while self.send(connection):
                pass
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()

    def send(self, connection: http.client.HTTPConnection) -> bool:
        """The pending batch, or a new one; forgotten only once it is acknowledged."""
        self.pending = self.pending or self.host.spool.findings(random.randint(1, 8))
        connection.request(
            "POST",
            "/v1/events",
            packed(self.pending),
            {
                "Authorization": f"Bearer {self.host.token}",
                "Content-Type": "application/cloudevents-batch+json",
                "Content-Encoding": "gzip",
            },
        )
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            return answer.status == 503
        self.duplicates += int(text.rpartition(b":")[2].rstrip(b"}"))
        self.acknowledged += [event["id"] for event in self.pending]
        self.pending = []
        return True


@contextmanager
def forks(url: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.collector.crash_server", url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as helper:
        yield helper


def started(helper: subprocess.Popen[str]) -> tuple[int, int]:
    assert helper.stdin is not None
    assert helper.stdout is not None
    helper.stdin.write("\n")
    helper.stdin.flush()
    pid, port = helper.stdout.readline().split()
    return int(pid), int(port)


def enrolled(database: Database, name: str) -> Host:
    enrolments = EnrolmentStore(database)
    _, secret = enrolments.create("", timedelta(days=1), None, ADMIN, NOW)
    given = enrolments.enrol(secret, machine_id=name, boot_id="", hostname=name, by=ADMIN, now=NOW)
    assert given is not None
    return Host(Sender(given.host_id), given.token)


@pytest.mark.parametrize("runs", [40, pytest.param(200, marks=pytest.mark.slow)])
def test_killed_collectors_keep_what_they_acknowledged(database: Database, runs: int) -> None:
    random.seed(runs)
    spools = [Spool(enrolled(database, f"web-{n}")) for n in range(3)]
    with forks(database.url) as helper:
        for _ in range(runs):
            pid, port = started(helper)
            senders = [threading.Thread(target=s.send_until_broken, args=[port]) for s in spools]
            for sender in senders:
                sender.start()
            senders[0].join(random.uniform(0.05, 0.35))
            os.kill(pid, signal.SIGKILL)
            for sender in senders:
                sender.join()
        pid, port = started(helper)
        for spool in spools:  # what was under way last is sent once more
            last = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
            assert spool.send(last)
            last.close()
        os.kill(pid, signal.SIGKILL)
    acknowledged = {(s.host.id, event) for s in spools for event in s.acknowledged}
    with database.read() as connection:
        kept = [
            tuple(row) for row in connection.execute(select(events.c.host_id, events.c.event_id))
        ]
        summed = connection.execute(select(func.sum(rollups.c.occurrences))).scalar_one()
        ends = connection.execute(select(chains.c.host_id, chains.c.through)).all()
        assert connection.execute(select(func.count()).select_from(gaps)).scalar_one() == 0
    assert set(kept) == acknowledged
    assert len(kept) == len(acknowledged) == summed
    assert {row[0]: row[1] for row in ends} == {s.host.id: s.host.spool.sequence for s in spools}
    print(f"{runs} kills: {len(kept)} acknowledged, {sum(s.duplicates for s in spools)} sent again")
