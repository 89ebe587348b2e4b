"""A silent host turns offline, then missing; each turn is announced once and delivered."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy import update

from collector.background import Background
from collector.model.times import us
from collector.store import silence
from collector.store.database import Database
from collector.store.retention import Retention
from collector.store.schema import hosts
from tests.collector.events import NOW
from tests.collector.local_collector import ADMIN, Host, local_collector

QUIET = timedelta(minutes=7)


@dataclass(slots=True)
class Hook:
    """A webhook that takes alerts, or refuses them."""

    address: str = ""
    status: int = 200
    taken: list[dict[str, Any]] = field(default_factory=list)

    def told(self) -> list[tuple[str, str, str]]:
        return [(a["host"], a["was"], a["status"]) for a in self.taken]


@pytest.fixture
def hook() -> Iterator[Hook]:
    found = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if found.status == 200:
                found.taken += body["alerts"]
            self.send_response(found.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    found.address = f"http://127.0.0.1:{server.server_address[1]}/"
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass(slots=True)
class Watched:
    """A host that reports at `NOW`, and a collector whose clock is set by hand."""

    database: Database
    background: Background
    host: Host
    clock: list[datetime]

    def turn(self, later: timedelta) -> None:
        self.clock[0] = NOW + later
        self.background.turn()

    def heard(self, later: timedelta, reasons: str = "[]") -> None:
        with self.database.write() as connection:
            connection.execute(update(hosts).values(last_seen_at=us(NOW + later), reasons=reasons))


@pytest.fixture
def watched(database: Database, hook: Hook) -> Iterator[Watched]:
    clock = [NOW - QUIET]
    with local_collector(database) as here:
        host = here.enrol("web-1")
        here.send(host, [host.spool.heartbeat()])
    background = Background(database, Retention(), lambda: clock[0], hook.address)
    found = Watched(database, background, host, clock)
    found.heard(timedelta(0))
    found.turn(-QUIET)
    found.turn(timedelta(0))
    yield found


@pytest.mark.usefixtures("watched")
def test_a_host_that_appears_is_no_alert(hook: Hook) -> None:
    assert hook.told() == []


def test_silence_is_reported_once_at_each_step(watched: Watched, hook: Hook) -> None:
    for later in (timedelta(seconds=359), timedelta(seconds=361), timedelta(days=1)):
        watched.turn(later)
    assert hook.told() == [("web-1", "online", "offline")]
    watched.turn(timedelta(days=31))
    watched.heard(timedelta(days=31))
    watched.turn(timedelta(days=31, seconds=1))
    assert hook.told()[1:] == [("web-1", "offline", "missing"), ("web-1", "missing", "online")]


def test_a_host_that_does_not_enforce_is_reported_with_its_reasons(
    watched: Watched, hook: Hook
) -> None:
    watched.heard(timedelta(minutes=1), '["the gate is not working"]')
    watched.turn(timedelta(minutes=1))
    [alert] = hook.taken
    assert (alert["status"], alert["reasons"]) == ("degraded", ["the gate is not working"])


def test_an_alert_is_sent_until_it_is_taken(watched: Watched, hook: Hook) -> None:
    hook.status = 500
    watched.turn(timedelta(minutes=10))
    watched.turn(timedelta(minutes=10, seconds=1))
    assert silence.claim(watched.database, NOW + timedelta(minutes=10, seconds=2)) == []
    hook.status = 200
    watched.turn(timedelta(minutes=11))
    watched.turn(timedelta(minutes=20))
    assert hook.told() == [("web-1", "online", "offline")]


def test_after_a_start_no_host_is_called_silent_too_soon(watched: Watched, hook: Hook) -> None:
    """While the collector was down nobody could report: all would be announced at once."""
    restarted = Background(watched.database, Retention(), lambda: watched.clock[0], hook.address)
    watched.clock[0] = NOW + timedelta(hours=5)
    restarted.turn()
    watched.heard(timedelta(hours=5, minutes=5))
    watched.clock[0] += QUIET
    restarted.turn()
    assert hook.told() == []


def test_two_replicas_announce_once(watched: Watched) -> None:
    later = NOW + timedelta(minutes=10)
    assert silence.check(watched.database, later, announce=True) == 1
    assert silence.check(watched.database, later, announce=True) == 0
    assert len(silence.claim(watched.database, later)) == 1
    assert silence.claim(watched.database, later) == []


def test_a_host_that_was_revoked_may_be_silent(watched: Watched, hook: Hook) -> None:
    from collector.store.enrolment_store import EnrolmentStore

    EnrolmentStore(watched.database).revoke_host(watched.host.id, ADMIN, NOW)
    watched.turn(timedelta(days=40))
    assert hook.told() == []


def test_what_fails_keeps_no_other_part_from_its_work(
    watched: Watched, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("collector.background.prune", broken)
    watched.background._hourly_at = 0.0
    watched.turn(timedelta(seconds=361))
    assert hook.told() == [("web-1", "online", "offline")]
