"""Whatever an enrolled host reports, every page opens, for it and for all others."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from collector.store.database import Database
from collector.store.schema import hosts
from tests.collector.events import digest
from tests.collector.local_collector import LocalCollector, local_collector
from tests.collector.web.test_joined import reader_of

MOST = 2**53 - 1
COUNTS = st.sampled_from([0, 1, 999, 1000, 2**31 - 1, 2**31, 10**12, MOST])
TEXTS = st.sampled_from(["", "x" * 300, "\u202egnp.exe", "a\0b", "<script>", "%s", "ümlaut 🐳"])
TIMES = st.sampled_from([None, "1970-01-01T00:00:00Z", "2090-12-31T23:59:59.999999Z"])
SECONDS = st.sampled_from([0.0, 1e-9, 1e12])
PAGES = ("/", "/violations", "/images", "/hosts", "/enrolment", "/audit")


@pytest.fixture
def here(database: Database) -> Iterator[LocalCollector]:
    with local_collector(database) as here:
        yield here


@st.composite
def heartbeats(draw: st.DrawFn) -> dict[str, Any]:
    """The members of a heartbeat that differ from one of a host that is fine."""
    return {
        "host": draw(TEXTS),
        "interval_s": draw(st.sampled_from([1, 300, 2147, 2148, 86_400])),
        "agent_version": draw(TEXTS),
        "scope": draw(TEXTS),
        "allowlist": {
            "sequence": draw(st.none() | COUNTS),
            "expires_at": draw(TIMES),
            "freshness": draw(st.sampled_from(["fresh", "stale", "too_stale", "unsigned", "none"])),
        },
        "degraded": draw(st.lists(TEXTS, max_size=3)),
        "spool": {
            "records": draw(COUNTS),
            "bytes": draw(COUNTS),
            "dropped": draw(COUNTS),
            "oldest_at": draw(TIMES),
        },
        "agent": {
            "rss_bytes": draw(COUNTS),
            "cpu_seconds": draw(SECONDS),
            "uptime_s": draw(SECONDS),
        },
    }


def check_pages(here: LocalCollector, *more: str) -> None:
    client = reader_of(here.database)
    for page in (*PAGES, *more):
        answer = client.get(page)
        assert answer.status_code == 200, (page, answer.text[-400:])
        assert "u202f" not in answer.text, page  # a narrow space that was escaped


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(beat=heartbeats(), reference=TEXTS, count=st.sampled_from([1, 999, 1000, 10**9]))
def test_every_page_opens(
    here: LocalCollector, beat: dict[str, Any], reference: str, count: int
) -> None:
    host = here.enrol()
    violation = host.spool.findings(1, reference=reference, container=reference)
    violation[0]["count"] = count
    sent = [host.spool.heartbeat(**beat), *violation]
    assert here.send(host, sent).status_code == 200
    check_pages(here, f"/hosts/{host.id}", f"/images/{digest(1)}")


def test_the_sum_over_many_hosts_that_count_as_much_as_they_can(here: LocalCollector) -> None:
    """1,025 times 2^53 - 1 is more than eight bytes hold."""
    host = here.enrol()
    spool = {"records": MOST, "bytes": MOST, "dropped": MOST}
    assert here.send(host, [host.spool.heartbeat(spool=spool)]).status_code == 200
    with here.database.write() as connection:
        row = connection.execute(select(hosts)).mappings().one()
        more = [
            {**row, "host_id": f"{number:08}{host.id[8:]}", "token_id": str(number)}
            for number in range(1025)
        ]
        connection.execute(insert(hosts), more)
    check_pages(here)
