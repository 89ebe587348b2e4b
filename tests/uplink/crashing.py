"""Writers and senders that are killed at random points; forked, so that a run takes milliseconds.

They run the real spool and the real session; only the process around them is the test's.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from agent.adapters.spool import SqliteSpool
from agent.adapters.system_clock import SystemClock
from agent.helpers.uplink import host_identity
from agent.helpers.uplink.batch import CONTENT_TYPE
from agent.helpers.uplink.http import Http
from agent.helpers.uplink.outbox import Outbox
from agent.helpers.uplink.session import Outcome, Session
from agent.reporting.spooling import SpooledFindings
from core.findings.finding import Finding
from core.ids import new_id
from core.image.digest import Digest
from core.image.identity import ImageIdentity
from tests.fakes.findings import a_finding
from tests.patience import until

SPOOL_BYTES = 50_000_000


def killed_after(
    seconds: float, work: Callable[[], None], begun: Callable[[], bool] = lambda: True
) -> None:
    """Fork, let it work until `begun` and for so long, SIGKILL it (it may have ended by itself)."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    until(begun, "the work began")
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def write(spool: Path, kept: Path, findings: int) -> None:
    """Spool findings one by one; each id is noted in `kept` once it is durable."""
    clock = SystemClock()
    sink = SpooledFindings(_opened(spool), clock, lambda: None)
    note = os.open(kept, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for number in range(findings):
        id_ = new_id(clock.now(), os.urandom(8))
        finding = replace(of_image(a_finding(number + 1), id_), id=id_, at=clock.now())
        sink.record([finding])
        os.write(note, id_.encode() + b"\n")


def of_image(finding: Finding, name: str) -> Finding:
    """The same about an image of its own, so that no flood is counted together."""
    assert finding.container is not None  # a_finding has one
    image = ImageIdentity(Digest.of(name.encode()))
    return replace(finding, container=replace(finding.container, image=image))


def settle(spool: Path) -> None:
    """What a starting agent does with what was counted."""
    found = _opened(spool)
    found.settle()
    found.close()


def _opened(spool: Path) -> SqliteSpool:
    return SqliteSpool(spool, SystemClock(), max_bytes=SPOOL_BYTES, reserved=0.5)


def send(spool: Path, token: Path) -> Outcome:
    """One run of the uplink without pauses."""
    own = host_identity.read(token)
    assert own is not None  # the test enrolled it
    http = Http(own.url)
    headers = {
        "Authorization": f"Bearer {own.token}",
        "Content-Type": CONTENT_TYPE,
        "Content-Encoding": "gzip",
    }
    outbox = Outbox(spool)
    try:
        return Session(
            outbox,
            own.host_id,
            post=lambda body: http.post("/v1/events", body, headers),
            wait=lambda _seconds: False,
            pause=lambda _seconds: None,
            pace=0.0,
        ).run()
    finally:
        outbox.close()
        http.close()
