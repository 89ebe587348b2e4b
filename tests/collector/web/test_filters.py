"""From an address to a filter: whatever somebody types there."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.page_values import Handling, HostStatus
from collector.web.filters import parse_finding_filter, parse_host_filter
from collector.web.formatting import relative, short_digest
from tests.collector.web.world import NOW

NAMES = ("period", "from", "to", "scope", "verdict", "handling", "host", "image", "search")


def test_days_are_inclusive_and_override_the_period() -> None:
    wanted = parse_finding_filter({"from": "2026-11-01", "to": "2026-11-02", "period": "90d"}, NOW)
    assert wanted.filter.since == datetime(2026, 11, 1, tzinfo=UTC)
    assert wanted.filter.until == datetime(2026, 11, 3, tzinfo=UTC)
    assert wanted.width == timedelta(hours=1)


def test_all_fields_arrive() -> None:
    query = {"scope": "acme", "verdict": "denied", "handling": "killed", "search": " web "}
    wanted = parse_finding_filter(query, NOW)
    assert (wanted.filter.scope, wanted.filter.verdict) == ("acme", "denied")
    assert (wanted.filter.handling, wanted.filter.search) == (Handling.KILLED, "web")
    assert wanted.problems == ()


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"from": "yesterday"}, "not a day"),
        ({"from": "9999-12-31"}, "not a day"),
        ({"from": "2026-11-05", "to": "2026-11-01"}, "after"),
        ({"from": "2001-01-01"}, "366 days"),
        ({"verdict": "great"}, "no verdict"),
        ({"handling": "hugged"}, "no handling"),
        ({"period": "1y"}, "no period"),
    ],
)
def test_nonsense_is_reported_and_left_out(query: dict[str, str], told: str) -> None:
    assert told in parse_finding_filter(query, NOW).problems[0]


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=300)))
def test_any_address_gives_a_chart_of_bearable_size(query: dict[str, str]) -> None:
    wanted = parse_finding_filter(query, NOW)
    assert wanted.filter.since and wanted.filter.until
    assert 0 < (wanted.filter.until - wanted.filter.since) / wanted.width <= 370
    assert len(wanted.filter.search) <= 200


def test_hosts() -> None:
    wanted, problems = parse_host_filter({"status": "offline", "search": "web"})
    assert (wanted.status, wanted.search, problems) == (HostStatus.OFFLINE, "web", ())
    assert parse_host_filter({"status": "asleep"})[1]


def test_words() -> None:
    assert relative(NOW - timedelta(seconds=200), NOW) == "3 min ago"
    assert relative(NOW + timedelta(days=2, hours=3), NOW) == "in 2 d"
    assert relative(NOW, NOW) == "now"
    assert short_digest("sha256:" + "ab" * 32) == "sha256:abababababab"
