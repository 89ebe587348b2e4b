"""A signed list comes, fails to come, grows old and is fresh again; verdicts follow."""

from dataclasses import replace
from datetime import timedelta

import pytest

from agent.enforcement.freshness import Freshness, TrustedTime, list_freshness
from core.decision.verdict import Verdict
from core.findings.finding import Kind
from tests.control.fake_host import in_, listed
from tests.control.signed import Signed
from tests.core.build import approval, exemption
from tests.fakes.clock import START, FakeClock
from tests.fakes.list_repository import DAY, MAX_STALE, sync_report

HOUR = 3600.0


def signed(closes: bool = False, **options: object) -> Signed:
    """A host that has adopted one list, which approves `app`."""
    host = Signed(options)
    host.publish(listed("app"), sync_report(closes=closes))
    return host.begin()


def test_a_host_without_a_list_fetches_one_at_its_start() -> None:
    host = signed()
    host.rig.run("app", "web")
    host.rig.run("evil", "bad")
    assert host.rig.host.live == {"web"}
    allowlist = host.status_view().allowlist()
    assert (allowlist["sequence"], allowlist["freshness"]) == (1, "fresh")
    assert host.status_view().degraded() == []


def test_the_last_good_list_holds_from_the_start_without_a_network() -> None:
    host = Signed({"trusted": listed("app", sequence=7)})
    host.repository.adopted = sync_report(7)
    host.begin()
    host.rig.run("app", "web")
    host.rig.run("evil", "bad")
    assert host.rig.host.live == {"web"}
    assert "no route to host" in host.status_view().degraded()[0]
    assert len(host.told("list.sync_failed")) == 1
    assert "Allowlist 7 stays in force" in host.told("list.sync_failed")[0]


def test_a_change_is_adopted_within_a_poll_and_what_runs_is_evaluated_again() -> None:
    host = signed()
    host.rig.run("app", "web")
    host.publish(listed("app", sequence=2, denied=["app"]), sync_report(2))
    host.pass_(72.0)  # a poll's period and its jitter
    host.rig.rest()
    assert host.rig.host.live == set()
    assert host.status_view().allowlist()["sequence"] == 2


def test_nothing_new_costs_polls_and_a_full_sync_every_quarter_of_an_hour() -> None:
    host = signed()
    host.pass_(2 * 900.0, step=5.0)
    assert (len(host.repository.syncs), host.repository.polls) == (3, 28)
    assert [f.event for f in host.rig.findings].count("list.adopted") == 1


@pytest.mark.parametrize(("dice", "after"), [(0.0, 48.0), (1.0, 72.0)])
def test_polls_of_many_hosts_spread(dice: float, after: float) -> None:
    host = signed()
    host.dice = dice
    host.pass_(60.0)  # the first poll was planned with other dice
    before = host.repository.polls
    host.pass_(after - 1.0, step=1.0)
    assert host.repository.polls == before
    host.pass_(2.0, step=1.0)
    assert host.repository.polls == before + 1


def test_failures_back_off_are_reported_once_and_end() -> None:
    host = signed()
    host.dice = 1.0
    host.repository.server = None
    host.pass_(4 * HOUR)
    assert host.repository.polls + len(host.repository.syncs) < 25
    assert len(host.told("list.sync_failed")) == 1
    assert host.rig.host.live == set()
    host.publish(listed("app", sequence=2), sync_report(2))
    host.pass_(900.0)
    assert host.told("list.sync_recovered") != []
    assert host.status_view().degraded() == []


def test_a_list_that_is_not_believed_keeps_the_last_good_one_and_says_why() -> None:
    host = signed()
    host.rig.run("app", "web")
    host.publish(listed(), sync_report(2))
    host.repository.wrong = "timestamp: version 1 is older than 2"
    host.pass_(300.0)
    assert host.rig.host.live == {"web"}
    (told,) = host.told("list.sync_failed")
    assert "version 1 is older than 2" in told and "publish again" in told
    host.repository.wrong = "acme: 1 distinct key(s) signed it, 2 are required"
    host.pass_(900.0)
    assert len(host.told("list.sync_failed")) == 2
    assert host.status_view().allowlist()["sequence"] == 1


def test_a_broken_scope_does_not_hold_up_another_and_is_reported_once() -> None:
    host = signed()
    host.rig.run("app", "web")
    told = sync_report(2, problem="list.json: $.count: it is not a number")
    host.publish(listed("app", sequence=2, denied=["app"]), told)
    host.pass_(2000.0)
    host.rig.rest()
    assert host.rig.host.live == set()
    assert len(host.told("list.scope_rejected")) == 1
    assert host.status_view().degraded() == [
        "scope acme.pay: list.json: $.count: it is not a number"
    ]


def test_a_sync_asked_for_during_another_is_done_after_it() -> None:
    host = signed()
    first = host.syncer.sync()
    second = host.syncer.sync()
    assert not host.syncer.outcome(first)["done"]
    host.rig.drain()
    assert (second, host.syncer.outcome(second)["done"]) == (first + 1, True)
    assert host.syncer.outcome(second)["error"] == ""
    host.repository.server = None
    number = host.syncer.sync()
    host.rig.drain()
    assert "no route" in host.syncer.outcome(number)["error"]


def test_a_stale_list_stays_in_force_and_is_reported_once() -> None:
    host = signed()
    host.rig.run("app", "web")
    host.pass_(3 * 24 * HOUR, step=HOUR)
    assert host.rig.host.live == {"web"}
    assert len(host.told("list.stale")) == 1
    assert host.status_view().allowlist()["freshness"] == "stale"
    assert "stale since" in host.status_view().degraded()[0]
    host.publish(listed("app"), sync_report(ends=START + 5 * DAY))
    host.pass_(900.0)
    assert len(host.told("list.fresh_again")) == 1
    assert host.status_view().degraded() == []


def test_too_stale_and_hold_keeps_the_last_good_list() -> None:
    host = signed()
    host.rig.run("app", "web")
    host.pass_(9 * 24 * HOUR, step=HOUR)
    host.rig.run("app", "more")
    assert host.rig.host.live == {"web", "more"}
    assert (len(host.told("list.stale")), len(host.told("list.too_stale"))) == (1, 1)


def test_too_stale_and_close_approves_nothing_more() -> None:
    host = signed(closes=True)
    host.rig.run("app", "web")
    host.pass_(9 * 24 * HOUR, step=HOUR)
    host.rig.run("app", "more")
    assert "more" not in host.rig.host.live
    finding = host.rig.about("more")[-1]
    assert finding.decision and finding.decision.verdict is Verdict.UNLISTED
    assert "too stale to approve anything" in finding.decision.reason
    assert host.status_view().allowlist()["closed"] is True


def test_what_runs_when_a_list_closes_comes_under_the_brake_and_new_starts_do_not() -> None:
    host = signed(closes=True)
    for name in ("one", "two", "three"):
        host.rig.run("app", name)
    host.pass_(9 * 24 * HOUR, step=HOUR)
    assert host.rig.host.live == {"one", "two", "three"}  # more than half of what runs
    assert host.rig.enforcer.circuit_breaker.is_open
    host.rig.run("app", "more")
    assert "more" not in host.rig.host.live
    host.publish(listed("app", sequence=2), sync_report(2, ends=host.rig.clock.now() + DAY))
    host.pass_(900.0)
    host.rig.run("app", "again")
    assert "again" in host.rig.host.live
    assert len(host.told("list.fresh_again")) == 1


def test_a_closed_list_denies_as_ever_and_no_exemption_of_the_host_opens_it() -> None:
    settings = {"exemptions": (exemption("own", expires_at=START + 30 * DAY),)}
    host = Signed({"settings": settings})
    host.publish(listed("app", denied=["bad"]), sync_report(closes=True))
    host.begin().pass_(9 * 24 * HOUR, step=HOUR)
    host.rig.run("own", "exempted")
    host.rig.run("bad", "denied")
    verdicts = {n: host.rig.about(n)[-1].decision for n in ("exempted", "denied")}
    assert verdicts["exempted"] and verdicts["exempted"].verdict is Verdict.UNLISTED
    assert verdicts["denied"] and verdicts["denied"].verdict is Verdict.DENIED
    assert host.rig.host.live == set()


def test_a_clock_set_back_makes_no_list_young_and_no_approval_longer() -> None:
    host = Signed()
    ends = approval("app", expires_at=in_(100))
    host.publish(listed(ends), sync_report())
    host.repository.lowest = in_(200)
    host.begin()
    host.rig.run("app", "web")
    finding = host.rig.about("web")[-1]
    assert finding.decision and finding.decision.verdict is Verdict.EXPIRED
    host.repository.lowest = START + 2 * DAY
    host.pass_(1000.0)
    assert host.status_view().allowlist()["freshness"] == "stale"


def test_time_never_lies_before_the_floor_and_goes_on_from_there() -> None:
    clock = FakeClock()
    time = TrustedTime(clock)
    time.raise_to(START + timedelta(hours=1))
    time.raise_to(START)
    assert time.now() == START + timedelta(hours=1)
    clock.advance(60.0)
    assert time.now() == START + timedelta(hours=1, seconds=60)
    clock.set_wall(START + timedelta(days=1))
    assert time.now() == START + timedelta(days=1)


@pytest.mark.parametrize(
    ("after", "freshness"),
    [
        (DAY - timedelta(microseconds=1), Freshness.FRESH),
        (DAY, Freshness.STALE),
        (DAY + MAX_STALE - timedelta(microseconds=1), Freshness.STALE),
        (DAY + MAX_STALE, Freshness.TOO_STALE),
    ],
)
def test_age_to_the_second(after: timedelta, freshness: Freshness) -> None:
    assert list_freshness(sync_report(), START + after).freshness is freshness


@pytest.mark.parametrize("text", ["", "soon", "2026-11-24T00:00:00"])
def test_a_timestamp_without_a_readable_end_has_ended(text: str) -> None:
    broken = replace(sync_report(closes=True), timestamp_expires_at=text)
    assert list_freshness(broken, START).closes


def test_the_alarm_is_an_alarm() -> None:
    host = signed()
    host.pass_(9 * 24 * HOUR, step=HOUR)
    alarms = host.rig.events_of(Kind.ALARM)
    assert {"list.stale", "list.too_stale"} <= set(alarms)
