"""The page over the real store, filled over the real API: what a host sends is what people read."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from collector.app import make_app
from collector.ingest.request_limits import Rate
from collector.model.accounts import Account, Role
from collector.store.database import Database
from collector.store.views.read import AccountBook, AuditLog, EnrolmentStore, FleetReader
from collector.web.page_app import make_page
from collector.web.request_context import Ports
from tests.collector.events import NOW, digest
from tests.collector.local_collector import Host, LocalCollector, local_collector
from tests.collector.web.accessible import problems_of
from tests.collector.web.client import browser, csrf_of, log_in
from tests.collector.web.world import HASH, settings

LATER = NOW + timedelta(minutes=3)


def ports_of(database: Database) -> Ports:
    return Ports(
        FleetReader(database),
        EnrolmentStore(database),
        AuditLog(database),
        AccountBook(database),
        lambda: LATER,
    )


@pytest.fixture
def here(database: Database) -> Iterator[LocalCollector]:
    with local_collector(database) as here:
        yield here


def reader_of(database: Database) -> TestClient:
    admin = Account("admin", HASH, Role.ADMINISTRATOR)
    AccountBook(database).set_account(admin, "test", NOW)
    client = browser(make_page(ports_of(database), settings()))
    assert log_in(client).status_code == 303
    return client


def report(here: LocalCollector) -> Host:
    """One host that is fine, has killed three, reported two, and lost four records."""
    host = here.enrol()
    killed = host.spool.findings(3, reference="evil:1", container="<b>bold</b>", labels={"a": "b"})
    heartbeat = host.spool.heartbeat(
        layers=[{"name": "firewall", "state": "drifted", "detail": "x"}]
    )
    host.spool.lose(4)
    reported = host.spool.findings(2, image=digest(7), reference="old:2", action="report")
    assert here.send(host, [*killed, heartbeat, *reported]).status_code == 200
    return host


def test_every_page_shows_what_was_reported(here: LocalCollector) -> None:
    host = report(here)
    client = reader_of(here.database)
    expected = {
        "/": ["evil:1", "1 with drift", "1 with missing or altered records", "killed 3"],
        "/violations": ["evil:1", "old:2", "&lt;b&gt;bold&lt;/b&gt;", "acme.pay", "docker pull"],
        "/violations?handling=reported": ["old:2"],
        "/violations?search=evil": ["evil:1"],
        "/images": ["evil:1", "old:2", "acme.test/nginx:1.27"],
        f"/images/{digest(1)}": ["web-1", "evil:1"],
        "/hosts": ["web-1", "acme.pay.web"],
        f"/hosts/{host.id}": ["drifted", "missing", "5 to 8", "28.5.2", "container.refused"],
        "/enrolment": ["test"],
        "/audit": ["login.succeeded"],
    }
    for path, parts in expected.items():
        text = client.get(path).text
        assert [part for part in parts if part not in text] == [], path
        assert problems_of(text) == [], path
    assert "evil:1" not in client.get("/violations?handling=reported").text.split("each")[-1]
    assert len(client.get("/violations.json").json()) == 5
    assert client.get("/hosts.csv").text.count("\n") == 2


def test_revoked_host_is_refused_at_once_and_the_audit_shows_who(here: LocalCollector) -> None:
    host = report(here)
    client = reader_of(here.database)
    page = f"/hosts/{host.id}"
    form = {"csrf": csrf_of(client.get(page))}
    assert client.post(page + "/revoke", data=form).status_code == 303
    assert here.send(host, host.spool.findings(1)).status_code == 401
    assert "has to enrol again" in client.get(page).text
    assert host.id in client.get("/audit").text


def test_secret_from_the_page_enrols_a_host(here: LocalCollector) -> None:
    client = reader_of(here.database)
    form = {"csrf": csrf_of(client.get("/enrolment")), "note": "rack", "lifetime": "720"}
    text = client.post("/enrolment", data=form).text
    secret = text.split('readonly value="')[1].split('"')[0]
    wanted = {"secret": secret, "machine_id": "m", "boot_id": "b", "hostname": "new-host"}
    assert here.client.post("/v1/enrol", json=wanted).status_code == 200
    assert "new-host" in client.get("/hosts").text


@pytest.mark.parametrize("after", ["x", "'", "0", "\0", "é" * 300, "-1", "[]", "{}"])
def test_made_up_addresses_fail_nowhere(here: LocalCollector, after: str) -> None:
    client = reader_of(here.database)
    for path in ("/violations", "/hosts", "/audit", f"/images/{digest(1)}", "/images", "/latest"):
        given = {"after": after, "host": after, "scope": after, "image": after, "search": after}
        assert client.get(path, params=given).status_code == 200, path
    assert client.get(f"/hosts/{host_path(after)}").status_code == 404


def host_path(text: str) -> str:
    return text.encode().hex() or "x"


def test_page_and_api_share_one_address(database: Database) -> None:
    app = make_app(database, rate=Rate(0), page=make_page(ports_of(database), settings()))
    with TestClient(app, follow_redirects=False) as client:
        assert client.get("/").headers["location"].startswith("/login")
        assert client.get("/static/page.css").headers["cache-control"] == "public, max-age=3600"
        assert "default-src 'none'" in client.get("/nothing").headers["content-security-policy"]
        assert client.get("/healthz").status_code == 204
        assert client.post("/v1/events").status_code == 401
