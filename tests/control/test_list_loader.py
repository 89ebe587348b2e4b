"""Lists come, end, break and go back; verdicts follow them at once, and nothing else does."""

from datetime import timedelta

import pytest

from agent.enforcement.circuit_breaker import CircuitBreakerLimits
from agent.errors import AllowlistRejected
from core.decision.verdict import Action, Mode, Verdict
from core.findings.finding import Kind
from tests.control.fake_host import in_, listed
from tests.control.rig import Rig
from tests.core.build import approval, exemption, waiver
from tests.fakes.clock import START

KILL_EXPIRED = {Verdict.EXPIRED: Action.KILL}
BROKEN = AllowlistRejected("/list.json: line 3 is not JSON", hint="publish again")


def test_a_new_list_ends_what_it_denies_and_only_that() -> None:
    rig = Rig(trusted=listed("app", "db")).begin()
    rig.run("app", "web")
    rig.run("db", "store")
    rig.adopt(listed("app", sequence=2, denied=["db"]))
    rig.rest()
    assert (rig.host.live, rig.host.harmed) == ({"web"}, {"store"})
    (finding,) = rig.violations
    assert finding.decision and finding.decision.verdict is Verdict.DENIED
    assert finding.list_sequence == 2


def test_a_new_list_holds_for_containers_being_looked_up() -> None:
    rig = Rig(trusted=listed("app"), working=False).begin()
    rig.image("new")
    rig.drain()
    container_id = rig.create("new", "one")
    rig.step("stream")
    rig.step("job")  # looked up, not yet evaluated
    rig.adopt(listed("new", sequence=2))
    rig.step("job")
    rig.post.results.rotate(1)
    rig.drain()
    rig.host.start(container_id)
    rig.rest()
    assert (rig.host.live, rig.violations) == ({"one"}, [])


def test_what_is_reported_of_an_action_is_what_it_was_done_for() -> None:
    rig = Rig(trusted=listed(denied=["app"]), working=False).begin()
    rig.start("app", "one")
    while not rig.host.harmed:
        rig.step(rig.ready()[0])
    rig.adopt(listed("app", sequence=2))
    rig.rest()
    (finding,) = rig.violations
    assert finding.decision and finding.decision.verdict is Verdict.DENIED


@pytest.mark.parametrize("before", [1, 0])
def test_an_approval_ends_at_its_second(before: int) -> None:
    rig = Rig(trusted=listed(approval("app", expires_at=in_(100))), actions=KILL_EXPIRED).begin()
    rig.run("app", "web")
    rig.clock.set_wall(in_(100) - timedelta(microseconds=before))
    rig.tick()
    rig.drain()
    assert rig.host.live == ({"web"} if before else set())


def test_a_start_after_the_end_is_refused_even_before_the_loop_looked_at_the_clock() -> None:
    for working in (True, False):
        ends = approval("app", expires_at=in_(100))
        rig = Rig(trusted=listed(ends), actions=KILL_EXPIRED, working=working).begin()
        container_id = rig.create("app", "web")
        rig.drain()
        rig.gate.forget()  # so that the gate asks
        rig.clock.set_wall(in_(100))
        rig.host.start(container_id)
        rig.drain()
        assert rig.host.live == set()
        assert [f.decision.verdict for f in rig.violations if f.decision] == [Verdict.EXPIRED]


def test_each_end_in_turn() -> None:
    approvals = [approval(name, expires_at=in_(10 * n)) for n, name in enumerate("abc", start=1)]
    limits = CircuitBreakerLimits(kills=10, seconds=60.0, share=1.0)
    rig = Rig(trusted=listed(*approvals), actions=KILL_EXPIRED, limits=limits).begin()
    for name in "abc":
        rig.run(name, name)
    lived = []
    for _ in range(3):
        rig.tick(10.0)
        rig.drain()
        lived.append(set(rig.host.live))
    assert lived == [{"b", "c"}, {"c"}, set()]


def test_an_exemption_waives_until_it_ends() -> None:
    settings = {"exemptions": (exemption("old", expires_at=in_(50)),)}
    rig = Rig(trusted=listed("app"), settings=settings).begin()
    rig.run("old", "legacy")
    assert rig.host.live == {"legacy"}
    rig.tick(50.0)
    rig.rest()
    assert rig.host.live == set()
    verdicts = [f.decision.verdict for f in rig.about("legacy") if f.decision]
    assert verdicts == [Verdict.WAIVED, Verdict.UNLISTED]


def test_a_waiver_ends_too() -> None:
    trusted = listed("app", denied=["app"], waivers=[waiver("deny", expires_at=in_(50))])
    rig = Rig(trusted=trusted).begin()
    rig.run("app", "web")
    assert rig.host.live == {"web"}
    rig.tick(50.0)
    rig.rest()
    assert rig.host.live == set()


def test_an_end_that_is_only_reported_is_reported_once() -> None:
    rig = Rig(trusted=listed(approval("app", expires_at=in_(100)))).begin()
    rig.run("app", "web")
    for _ in range(5):
        rig.tick(100.0)
        rig.drain()
    assert rig.host.live == {"web"}
    assert [f.event for f in rig.violations] == ["container.reported"]


def test_a_broken_list_keeps_the_last_good_one_and_is_reported_once() -> None:
    rig = Rig(trusted=listed("app")).begin()
    rig.run("app", "web")
    for _ in range(3):
        rig.adopt(BROKEN)
        rig.drain()
    rig.run("app", "more")
    rig.run("evil", "bad")
    assert rig.host.live == {"web", "more"}
    assert rig.events_of(Kind.ALARM) == ["list.rejected"]
    assert "line 3" in rig.status_view().allowlist()["error"]
    rig.adopt(listed("app", sequence=2))
    rig.drain()
    assert rig.status_view().degraded() == []


def test_a_list_that_goes_back_is_an_alarm() -> None:
    rig = Rig(trusted=listed("app", sequence=5)).begin()
    rig.adopt(listed("app", sequence=4))
    rig.drain()
    assert rig.events_of(Kind.ALARM) == ["list.went_back"]
    assert rig.status_view().allowlist()["sequence"] == 4


def test_a_new_process_goes_on_with_the_last_good_list() -> None:
    rig = Rig(trusted=BROKEN, remembered=[listed("app", sequence=7)]).begin()
    rig.run("app", "web")
    rig.run("evil", "bad")
    assert rig.host.live == {"web"}
    (alarm,) = [f for f in rig.findings if f.kind is Kind.ALARM]
    assert "Allowlist 7 stays in force" in alarm.summary


def test_without_any_list_all_is_undetermined_and_nobody_is_killed() -> None:
    rig = Rig(trusted=BROKEN)
    rig.start("evil", "old")
    rig.begin()
    rig.run("evil", "bad")
    rig.run("app", "web")
    rig.rest()
    assert (rig.host.live, rig.host.harmed) == ({"old", "bad", "web"}, set())
    assert {f.event for f in rig.violations} == {"container.undetermined"}
    assert len(rig.violations) == 3
    assert "no trusted allowlist: containers are undetermined" in rig.status_view().degraded()


def test_the_first_list_after_none_evaluates_all() -> None:
    rig = Rig(trusted=BROKEN).begin()
    rig.run("evil", "bad")
    rig.run("app", "web")
    rig.adopt(listed("app"))
    rig.rest()
    assert rig.host.live == {"web"}
    verdicts = [f.decision.verdict for f in rig.about("bad") if f.decision]
    assert verdicts == [Verdict.UNDETERMINED, Verdict.UNLISTED]


def test_changes_during_a_load_are_not_lost() -> None:
    rig = Rig(trusted=listed("app")).begin()
    rig.adopt(listed("db", sequence=2))
    rig.step("job")
    rig.adopt(listed("cache", sequence=3))
    rig.drain()
    assert rig.status_view().allowlist()["sequence"] == 3
    assert [each.info.sequence for each in rig.remembered] == [1, 2, 3]


def test_a_list_that_cannot_be_remembered_is_in_force_all_the_same() -> None:
    rig = Rig(trusted=listed("app"))

    def full(_: object) -> None:
        raise AllowlistRejected("the disk is full")

    rig.lists._remember = full
    rig.begin()
    rig.run("app", "web")
    assert rig.host.live == {"web"}


def test_in_observe_mode_a_list_changes_words_only() -> None:
    rig = Rig(mode=Mode.OBSERVE, trusted=listed("app")).begin()
    rig.run("app", "web")
    rig.run("evil", "bad")
    rig.adopt(listed(denied=["app", "evil"], sequence=2))
    rig.rest()
    assert (rig.host.live, rig.host.harmed) == ({"web", "bad"}, set())
    verdicts = [f.decision.verdict for f in rig.about("bad") if f.decision]
    assert verdicts == [Verdict.UNLISTED, Verdict.DENIED]
    assert rig.clock.now() > START
