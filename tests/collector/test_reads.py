"""What the page reads is what was sent; the same on SQLite and PostgreSQL."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from collector import collector_clock
from collector.model.page_values import FindingFilter, Handling, HostFilter, HostStatus
from collector.store.database import Database
from collector.store.retention import Retention, prune
from collector.store.views.fleet import FleetReader
from tests.collector.events import NOW, digest, inventory
from tests.collector.local_collector import Host, LocalCollector, local_collector

DAY = FindingFilter(since=NOW - timedelta(hours=23), until=NOW + timedelta(hours=1))
NONSENSE = ("x", "'", "\0", "\ud800", "%", "[1]", "WzFd")


@pytest.fixture
def here(database: Database) -> Iterator[LocalCollector]:
    with local_collector(database) as found:
        yield found


@pytest.fixture
def fleet(database: Database) -> FleetReader:
    return FleetReader(database)


def two_hosts(here: LocalCollector) -> tuple[Host, Host]:
    """web-1: 3 killed of image 1, one reported of image 2; web-2: 2 killed of image 1."""
    one, two = here.enrol("web-1"), here.enrol("web-2", "machine-2")
    here.send(one, [
        *one.spool.findings(3),
        *one.spool.findings(
            1, image=digest(2), verdict="expired", action="report", scope="acme",
            container="cart", reference="Cart_%:2",
        ),
        one.spool.heartbeat(host="web-1", mode="observe"),
        one.spool.event("inventory", inventory()),
    ])  # fmt: skip
    here.send(two, [*two.spool.findings(2, action="kill"), two.spool.heartbeat(host="web-2")])
    return one, two


def test_summary(here: LocalCollector, fleet: FleetReader) -> None:
    two_hosts(here)
    here.enrol("silent")
    found = fleet.summary(collector_clock.now())
    assert found.hosts == {
        HostStatus.ONLINE: 1,
        HostStatus.DEGRADED: 1,
        HostStatus.OFFLINE: 1,
        HostStatus.MISSING: 0,
    }
    assert (found.enforcing, found.observing) == (1, 1)
    found = fleet.summary(NOW)
    assert (found.killed, found.reported, found.unapproved_images) == (5, 1, 2)


def test_an_empty_fleet(fleet: FleetReader) -> None:
    assert sum(fleet.summary(NOW).hosts.values()) == 0
    assert fleet.unapproved(DAY, 10) == ()
    assert fleet.findings(DAY).rows == ()
    assert fleet.by_level(DAY) == ()


def test_over_time(here: LocalCollector, fleet: FleetReader) -> None:
    two_hosts(here)
    slots = fleet.over_time(DAY, timedelta(hours=6))
    assert [(s.killed, s.reported) for s in slots] == [(0, 0), (0, 0), (0, 0), (5, 1)]
    assert slots[-1].start == NOW - timedelta(hours=5)


def test_by_level(here: LocalCollector, fleet: FleetReader) -> None:
    two_hosts(here)
    levels = fleet.by_level(DAY)
    assert [(v.scope, v.killed, v.reported) for v in levels] == [("acme.pay", 5, 0), ("acme", 0, 1)]
    assert fleet.scopes() == ("acme", "acme.pay", "acme.pay.web")


def test_unapproved_images(here: LocalCollector, fleet: FleetReader) -> None:
    two_hosts(here)
    first, second = fleet.unapproved(DAY, 10)
    assert (first.digest, first.hosts, first.killed, first.reported) == (digest(1), 2, 5, 0)
    assert first.nearest == "acme.test/nginx:1.27"
    assert (second.digest, second.verdict, second.reference) == (digest(2), "expired", "Cart_%:2")
    assert len(fleet.unapproved(DAY, 1)) == 1


def test_hosts_of_an_image(here: LocalCollector, fleet: FleetReader) -> None:
    one, two = two_hosts(here)
    found = {row.host_id: row for row in fleet.image_hosts(digest(1)).rows}
    assert set(found) == {one.id, two.id}
    assert (found[one.id].killed, found[one.id].running) == (3, 1)
    assert (found[two.id].killed, found[two.id].running) == (2, 0)
    [by_manifest] = fleet.image_hosts(digest(2)).rows
    assert (by_manifest.host_id, by_manifest.reported) == (one.id, 1)
    assert fleet.image_hosts("sha256:unknown").rows == ()


@pytest.mark.parametrize(("wanted", "count"), [
    (FindingFilter(), 6),
    (FindingFilter(verdict="expired"), 1),
    (FindingFilter(handling=Handling.KILLED), 5),
    (FindingFilter(scope="acme"), 6),
    (FindingFilter(scope="acme.pa"), 0),
    (FindingFilter(image=digest(2)), 1),
    (FindingFilter(search="cart_%"), 1),
    (FindingFilter(search="cart__"), 0),
    (FindingFilter(search="WEB-2"), 2),
    (FindingFilter(host="nobody"), 0),
    (FindingFilter(until=NOW), 0),
    (FindingFilter(since=NOW), 6),
])  # fmt: skip
def test_filters(
    here: LocalCollector, fleet: FleetReader, wanted: FindingFilter, count: int
) -> None:
    two_hosts(here)
    rows = fleet.findings(wanted).rows
    assert len(rows) == count
    assert sum(v.killed + v.reported for v in fleet.by_level(wanted)) == count


def test_pages_hold_each_row_once(here: LocalCollector, fleet: FleetReader) -> None:
    two_hosts(here)
    seen, after = [], ""
    while True:
        page = fleet.findings(FindingFilter(), after, 2)
        seen += [row.event_id for row in page.rows]
        after = page.after
        if not after:
            break
    assert len(seen) == 6
    assert seen == sorted(set(seen), reverse=True)


def test_hosts_in_trouble_come_first_over_all_pages(
    here: LocalCollector, fleet: FleetReader
) -> None:
    for name, sent in (("a-fine", {}), ("b-degraded", {"mode": "observe"}), ("c-fine", {})):
        host = here.enrol(name, name)
        here.send(host, [host.spool.heartbeat(host=name, **sent)])
    here.enrol("z-silent", "z")
    now, names, after = collector_clock.now(), [], ""
    while True:
        page = fleet.hosts(HostFilter(), now, after, limit=1)
        names += [row.name for row in page.rows]
        if not (after := page.after):
            break
    assert names == ["z-silent", "b-degraded", "a-fine", "c-fine"]


def test_hosts(here: LocalCollector, fleet: FleetReader) -> None:
    one, _ = two_hosts(here)
    now = collector_clock.now()
    assert [r.name for r in fleet.hosts(HostFilter(), now).rows] == ["web-1", "web-2"]
    first = fleet.hosts(HostFilter(), now, limit=1)
    assert [r.name for r in fleet.hosts(HostFilter(), now, first.after).rows] == ["web-2"]
    [degraded] = fleet.hosts(HostFilter(status=HostStatus.DEGRADED), now).rows
    assert degraded.id == one.id
    assert degraded.reasons == ("its mode is observe: nothing is stopped",)
    for later, status in ((timedelta(minutes=7), "offline"), (timedelta(days=31), "missing")):
        stands = [r.status for r in fleet.hosts(HostFilter(), now + later).rows]
        assert stands == [status, status]


def test_host_detail(here: LocalCollector, fleet: FleetReader) -> None:
    one, _ = two_hosts(here)
    twin = here.enrol("web-1", "machine-1")
    found = fleet.host(one.id, collector_clock.now())
    assert found is not None
    assert (found.engine_version, found.spool_depth) == ("28.5.2", 3)
    assert found.figures["Agent's memory"] == "39.1 MiB"
    assert [(y.name, y.state) for y in found.layers] == [("firewall", "held")]
    assert any(twin.id in reason for reason in found.row.reasons)
    entries = fleet.timeline(one.id, limit=3)
    assert [e.kind for e in entries.rows] == ["violation"] * 3
    assert len(fleet.timeline(one.id, entries.after).rows) == 1
    assert fleet.host("0" * 8, NOW) is None


@pytest.mark.parametrize("text", NONSENSE)
def test_nonsense_is_answered(fleet: FleetReader, text: str) -> None:
    wanted = FindingFilter(host=text, scope=text, verdict=text, image=text, search=text)
    assert fleet.findings(wanted, text).rows == ()
    assert fleet.over_time(FindingFilter(DAY.since, DAY.until, text), timedelta(hours=1))
    assert fleet.hosts(HostFilter(scope=text, search=text), NOW, text).rows == ()
    assert fleet.image_hosts(text, text).rows == ()
    assert fleet.timeline(text, text).rows == ()
    assert fleet.host(text, NOW) is None


def test_what_is_old_is_deleted(here: LocalCollector, fleet: FleetReader) -> None:
    host = here.enrol()
    here.send(host, host.spool.findings(2))
    host.spool.at = NOW + timedelta(days=5)
    here.send(host, host.spool.findings(3))
    pruned = prune(here.database, Retention(events_days=90), NOW + timedelta(days=92))
    assert len(fleet.findings(FindingFilter()).rows) == 3
    assert pruned.events == (2 if here.database.is_sqlite else 0)
    assert bool(pruned.partitions) is not here.database.is_sqlite
    assert sum(v.killed for v in fleet.by_level(FindingFilter())) == 5
    prune(here.database, Retention(rollups_days=30), NOW + timedelta(days=92))
    assert fleet.by_level(FindingFilter()) == ()
