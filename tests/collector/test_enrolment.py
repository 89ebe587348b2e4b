"""Who may report: secrets that end, tokens that are revoked, machines that were cloned."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from collector.store.access import AuditLog
from collector.store.database import Database
from collector.store.enrolment_store import EnrolmentStore, Person
from collector.store.schema import hosts, secrets
from tests.collector.events import NOW
from tests.collector.local_collector import ADMIN, local_collector

HOST = Person("host web-1", "192.0.2.7")


def enrol(enrolments: EnrolmentStore, secret: str, later: timedelta = timedelta(0)) -> bool:
    return (
        enrolments.enrol(
            secret, machine_id="m", boot_id="b", hostname="web-1", by=HOST, now=NOW + later
        )
        is not None
    )


def test_a_secret_ends(database: Database) -> None:
    enrolments = EnrolmentStore(database)
    _, text = enrolments.create("rack 1", timedelta(hours=1), None, ADMIN, NOW)
    assert enrol(enrolments, text)
    assert not enrol(enrolments, text, timedelta(hours=1))


def test_a_secret_is_used_as_often_as_said(database: Database) -> None:
    enrolments = EnrolmentStore(database)
    secret, text = enrolments.create("two hosts", timedelta(hours=1), 2, ADMIN, NOW)
    assert [enrol(enrolments, text) for _ in range(3)] == [True, True, False]
    [shown] = enrolments.secrets()
    assert (shown.id, shown.used, shown.most_uses) == (secret.id, 2, 2)


def test_a_revoked_secret_is_refused(database: Database) -> None:
    enrolments = EnrolmentStore(database)
    secret, text = enrolments.create("", timedelta(hours=1), None, ADMIN, NOW)
    assert enrolments.revoke(secret.id, ADMIN, NOW)
    assert not enrol(enrolments, text)
    assert not enrolments.revoke(secret.id, ADMIN, NOW)
    assert not enrolments.revoke("nonsense", ADMIN, NOW)


@pytest.mark.parametrize("spoil", ["", "x", "dwe__", "dwt_1_2", "\0", "é" * 10, "_" * 5000])
def test_other_texts_are_refused(database: Database, spoil: str) -> None:
    assert not enrol(EnrolmentStore(database), spoil)


def test_a_changed_secret_is_refused(database: Database) -> None:
    enrolments = EnrolmentStore(database)
    _, text = enrolments.create("", timedelta(hours=1), None, ADMIN, NOW)
    assert not enrol(enrolments, text[:-1] + ("A" if text[-1] != "A" else "B"))


def test_no_secret_and_no_token_is_kept_in_the_clear(database: Database) -> None:
    enrolments = EnrolmentStore(database)
    _, text = enrolments.create("", timedelta(hours=1), None, ADMIN, NOW)
    enrolled = enrolments.enrol(text, machine_id="m", boot_id="", hostname="h", by=HOST, now=NOW)
    assert enrolled is not None
    with database.read() as connection:
        tables = [connection.execute(select(table)).all() for table in (hosts, secrets)]
    stored = str(tables)
    assert text.rsplit("_", 1)[1] not in stored
    assert enrolled.token.split("_", 2)[2] not in stored


def test_cloned_machines_are_two_hosts(database: Database) -> None:
    with local_collector(database) as here:
        one, two = here.enrol("web-1", "same"), here.enrol("web-1", "same")
        assert one.id != two.id
        assert one.token != two.token
        for host in (one, two):
            assert here.send(host, host.spool.findings(2)).json()["accepted"] == 2


def test_every_change_is_in_the_audit_log(database: Database) -> None:
    enrolments = EnrolmentStore(database)
    secret, text = enrolments.create("rack 1", timedelta(hours=1), None, ADMIN, NOW)
    enrolled = enrolments.enrol(text, machine_id="m", boot_id="", hostname="h", by=HOST, now=NOW)
    assert enrolled is not None
    enrolments.revoke_host(enrolled.host_id, ADMIN, NOW)
    enrolments.revoke(secret.id, ADMIN, NOW)
    entries = AuditLog(database).entries().rows
    assert {(e.who, e.action, e.subject, e.address) for e in entries} == {
        ("admin", "secret.created", secret.id, "192.0.2.1"),
        ("host web-1", "host.enrolled", enrolled.host_id, "192.0.2.7"),
        ("admin", "host.token_revoked", enrolled.host_id, "192.0.2.1"),
        ("admin", "secret.revoked", secret.id, "192.0.2.1"),
    }
