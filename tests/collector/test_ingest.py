"""What the route takes, refuses and keeps; on SQLite and PostgreSQL."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, select

from collector.ingest.request_limits import LONGEST_BODY, LONGEST_INFLATED, Rate
from collector.store.database import Database
from collector.store.schema import events, hosts
from tests.collector.events import NOW, Sender, finding, packed, seal
from tests.collector.local_collector import ADMIN, LocalCollector, local_collector


@pytest.fixture
def here(database: Database) -> Iterator[LocalCollector]:
    with local_collector(database) as found:
        yield found


def kept(database: Database) -> list[tuple[str, str]]:
    with database.read() as connection:
        rows = connection.execute(
            select(events.c.host_id, events.c.event_id).order_by(events.c.event_id)
        )
        return [(row[0], row[1]) for row in rows]


def test_a_batch_is_kept_once(here: LocalCollector) -> None:
    host = here.enrol()
    batch = host.spool.findings(20)
    assert here.send(host, batch).json() == {"accepted": 20, "duplicates": 0}
    assert here.send(host, batch).json() == {"accepted": 0, "duplicates": 20}
    assert here.send_plain(host, [*batch, *host.spool.findings(1)]).json() == {
        "accepted": 1,
        "duplicates": 20,
    }
    assert len(kept(here.database)) == 21


def test_one_id_twice_in_a_batch_is_one_record(here: LocalCollector) -> None:
    host = here.enrol()
    [event] = host.spool.findings(1)
    assert here.send(host, [event, event]).json() == {"accepted": 1, "duplicates": 1}


def test_data_is_kept_byte_for_byte(here: LocalCollector) -> None:
    host = here.enrol()
    data = finding(NOW, summary="ein \u2028 <b>\U0001f433</b> \0", labels={"a": "\0"})
    event = host.spool.event("finding", data)
    assert here.send(host, [event]).status_code == 200
    with here.database.read() as connection:
        assert json.loads(connection.execute(select(events.c.data)).scalar_one()) == data


def test_a_heartbeat_sets_the_host(here: LocalCollector) -> None:
    host = here.enrol()
    first = host.spool.heartbeat(host="web-7", mode="observe")
    assert here.send(host, [first]).json() == {"accepted": 1, "duplicates": 0}
    assert here.send(host, [first]).json() == {"accepted": 0, "duplicates": 1}
    with here.database.read() as connection:
        row = connection.execute(select(hosts)).one()
    assert (row.name, row.mode, row.list_sequence, row.spool_records) == ("web-7", "observe", 41, 3)
    assert json.loads(row.reasons) == ["its mode is observe: nothing is stopped"]
    assert row.last_seen_at is not None
    assert kept(here.database) == []


def test_without_a_token_nothing_is_read(here: LocalCollector) -> None:
    host = here.enrol()
    for authorization in ("", "Bearer", "Bearer x", "Basic " + host.token, f"Bearer {host.token}x"):
        answer = here.client.post(
            "/v1/events", content=b"not even JSON", headers={"authorization": authorization}
        )
        assert answer.status_code == 401, authorization


def test_a_revoked_token_is_refused(here: LocalCollector) -> None:
    host = here.enrol()
    assert here.enrolments.revoke_host(host.id, ADMIN, NOW)
    assert here.send(host, host.spool.findings(1)).status_code == 401
    assert not here.enrolments.revoke_host(host.id, ADMIN, NOW)


def test_a_host_cannot_write_for_another(here: LocalCollector) -> None:
    mine, other = here.enrol("a"), here.enrol("b")
    forged = Sender(other.id).findings(1)
    answer = here.send(mine, [*mine.spool.findings(1), *forged])
    assert answer.status_code == 403
    assert kept(here.database) == []


def test_one_id_may_be_two_hosts_own(here: LocalCollector) -> None:
    one, two = here.enrol("a"), here.enrol("b")
    event = one.spool.findings(1)[0]
    twin = two.spool.findings(1)[0] | {"id": event["id"]}
    twin["hash"] = seal(twin)
    assert here.send(one, [event]).json()["accepted"] == 1
    assert here.send(two, [twin]).json()["accepted"] == 1
    assert sorted(kept(here.database)) == sorted([(one.id, event["id"]), (two.id, event["id"])])


@pytest.mark.parametrize("change", [
    {"specversion": "0.3"},
    {"id": "not-a-uuid"},
    {"id": "01939a00-0000-7000-8000-00000000000A"},
    {"type": "dockwarden.finding.v2"},
    {"time": "2026-11-23T12:00:00+01:00"},
    {"time": "2026-02-30T12:00:00Z"},
    {"sequence": "0"},
    {"sequence": 1},
    {"hash": "0" * 63},
    {"count": 0},
    {"data": []},
    {"data": {}},
    {"data": finding(NOW) | {"kind": "rumour"}},
    {"data": finding(NOW) | {"surprise": 1}},
    {"data": finding(NOW, image="sha256:short")},
    {"data": finding(NOW, labels={"big": "x" * 70_000})},
])  # fmt: skip
def test_an_unfit_event_is_named_and_nothing_kept(
    here: LocalCollector, change: dict[str, Any]
) -> None:
    host = here.enrol()
    batch = host.spool.findings(3)
    batch[1] |= change
    answer = here.send(host, batch)
    assert answer.status_code == 400
    (fault,) = answer.json()["events"]
    assert fault["index"] == 1
    assert fault["reason"].startswith(("it does not match", "data has 7", "it contains"))
    assert kept(here.database) == []


@pytest.mark.parametrize("content", [
    b"", b"{}", b"[1]", b"[" * 100_000, b'[{"id": "\\ud800"}]', b"\xff\xfe", b"null", b"[{}]",
])  # fmt: skip
def test_what_is_no_batch_is_refused(here: LocalCollector, content: bytes) -> None:
    answer = here.post(here.enrol(), content)
    assert answer.status_code == 400
    assert any(words in answer.text for words in ("it is not JSON", "does not match", "too deeply"))


def test_limits(here: LocalCollector) -> None:
    host = here.enrol()
    zipped = {"content-encoding": "gzip"}
    bomb = gzip.compress(b"[" + b" " * (LONGEST_INFLATED + 1) + b"]")
    assert here.post(host, b" " * (LONGEST_BODY + 1)).status_code == 413
    assert here.post(host, bomb, **zipped).status_code == 413
    assert here.post(host, b"[" + b"{}," * 500 + b"{}]").status_code == 413
    assert here.post(host, packed([])[:-1], **zipped).status_code == 400
    assert here.post(host, packed([]) + packed([]), **zipped).status_code == 400
    assert here.post(host, b"[]", **{"content-encoding": "br"}).status_code == 415
    assert here.post(host, b"[]", **{"content-type": "application/json"}).status_code == 415
    assert here.post(host, b"[]").json() == {"accepted": 0, "duplicates": 0}


def test_a_host_that_sends_too_much_learns_when_to_continue(database: Database) -> None:
    with local_collector(database, Rate(per_second=0.01, burst=10)) as here:
        loud, calm = here.enrol("loud"), here.enrol("calm")
        assert here.send(loud, loud.spool.findings(20)).status_code == 200
        answer = here.send(loud, loud.spool.findings(1))
        assert answer.status_code == 429
        assert 1000 <= int(answer.headers["retry-after"]) <= 1100
        assert here.send(calm, calm.spool.findings(1)).status_code == 200


def test_a_flood_in_one_record_counts_as_many(here: LocalCollector) -> None:
    host = here.enrol()
    here.send(host, [host.spool.event("finding", finding(NOW), count=1000)])
    with here.database.read() as connection:
        assert connection.execute(select(func.sum(events.c.occurrences))).scalar_one() == 1000
