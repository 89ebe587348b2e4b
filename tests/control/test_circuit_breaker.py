"""The circuit breaker (docs/adr/0004): a bad list empties no host, and nobody can switch it on."""

from hypothesis import given
from hypothesis import strategies as st

from agent.api.control_api import ControlApi
from agent.enforcement.circuit_breaker import CircuitBreaker, CircuitBreakerLimits
from core.decision.verdict import EnforcementPoint
from core.findings.finding import Kind
from tests.control.fake_host import in_, listed
from tests.control.looping import looping
from tests.control.rig import Rig
from tests.core.build import approval, deny

LIMITS = CircuitBreakerLimits(kills=5, seconds=60.0, share=0.5)

asks = st.lists(st.tuples(st.integers(1, 8), st.integers(1, 40), st.floats(0, 30)), max_size=30)


def a_fleet(count: int = 8) -> Rig:
    """A host on which that many approved containers run."""
    rig = Rig(trusted=listed("app", "db"), limits=LIMITS).begin()
    for number in range(count):
        rig.run("app", f"app-{number}")
    return rig


def some(count: int, series: int = 0) -> list[str]:
    """That many different victims."""
    return [f"{series}-{number}" for number in range(count)]


@given(asks)
def test_never_more_than_the_limit_within_the_window(script: list[tuple[int, int, float]]) -> None:
    circuit_breaker, now, admitted = CircuitBreaker(LIMITS), 0.0, []
    for number, (wanted, running, wait) in enumerate(script):
        now += wait
        before = circuit_breaker.is_open
        if circuit_breaker.admit(some(wanted, number), running=running, now=now):
            assert not before
            admitted += [now] * wanted
        else:
            assert circuit_breaker.is_open
        assert sum(now - LIMITS.seconds < when for when in admitted) <= LIMITS.kills


@given(asks)
def test_it_stays_on_until_it_is_released(script: list[tuple[int, int, float]]) -> None:
    circuit_breaker, now = CircuitBreaker(LIMITS), 0.0
    assert not circuit_breaker.admit(some(6), running=100, now=now)
    for wanted, running, wait in script:
        now += wait
        assert not circuit_breaker.admit(some(wanted), running=running, now=now)
    circuit_breaker.reset()
    assert circuit_breaker.admit(some(1), running=100, now=now)


def test_one_or_two_of_two_are_no_share() -> None:
    assert CircuitBreaker(LIMITS).admit(some(2), running=2, now=0.0)
    assert not CircuitBreaker(LIMITS).admit(some(3), running=3, now=0.0)


def test_retries_of_one_delisted_image_never_trip_it() -> None:
    rig = Rig(trusted=listed("app", "db"), limits=LIMITS).begin()
    rig.run("app", "one")
    rig.run("db", "other")
    rig.adopt(listed("db", sequence=2))
    rig.rest()
    for number in range(20):
        rig.start("app", f"again-{number}")
        rig.rest()
    assert not rig.enforcer.circuit_breaker.is_open
    assert rig.host.live == {"other"}


def test_a_thousand_unapproved_starts_never_trip_it() -> None:
    for working in (True, False):
        rig = Rig(trusted=listed("app"), limits=LIMITS, working=working).begin()
        for number in range(500):
            rig.start(f"evil{number % 20}", f"bad-{number}")
            if number % 7 == 0:
                rig.drain()
            if number % 50 == 0:
                rig.rescanner.rescan("period")
        rig.rest()
        assert not rig.enforcer.circuit_breaker.is_open
        assert rig.host.live == set()
        assert len(rig.violations) == 500


def test_unapproved_ones_that_a_sweep_sees_first_never_trip_it() -> None:
    rig = Rig(trusted=listed("app"), limits=LIMITS, working=False).begin()
    rig.clock.advance(10)
    for number in range(50):
        rig.start("evil", f"bad-{number}")
    rig.rescanner.rescan("period")
    rig.rest(lambda ready: next((p for p in ready if p != "stream"), "stream"))
    assert not rig.enforcer.circuit_breaker.is_open
    assert rig.host.live == set()


def test_a_bad_list_trips_it_and_nothing_that_was_approved_dies() -> None:
    rig = a_fleet()
    rig.adopt(listed("db", sequence=2))
    rig.rest()
    assert (len(rig.host.live), rig.host.harmed) == (8, set())
    assert rig.events_of(Kind.ALARM) == ["circuit_breaker.opened"]
    reports = [f for f in rig.violations if f.outcome and f.outcome.breaker_open]
    assert len(reports) == 8
    assert any("circuit breaker" in reason for reason in rig.status_view().degraded())


def test_what_was_approved_here_may_be_started_again_under_a_bad_list() -> None:
    rig = a_fleet()
    rig.adopt(listed("db", sequence=2))
    rig.rest()
    rig.run("app", "another")
    rig.run("evil", "bad")
    rig.rest()
    assert "another" in rig.host.live
    assert rig.host.ran & {"bad"} == set()


def test_braked_ones_are_spared_at_unpause_and_at_the_next_sweeps() -> None:
    rig = Rig(trusted=listed("app"), limits=LIMITS)
    for number in range(6):
        rig.start("evil", f"old-{number}")
    rig.clock.advance(100)
    rig.begin()
    assert rig.enforcer.circuit_breaker.is_open
    container_id = rig.host.id_of("old-0")
    rig.host.pause(container_id)
    rig.host.harmed.clear()
    rig.host.unpause(container_id)
    rig.rest()
    rig.rescanner.rescan("asked for")
    rig.rest()
    assert (len(rig.host.live), rig.host.harmed) == (6, set())
    assert len(rig.violations) == 6


def test_starts_that_are_replayed_are_braked_as_what_ran_before() -> None:
    rig = Rig(trusted=listed("app"), limits=LIMITS, working=False)
    for number in range(20):
        rig.start("evil", f"old-{number}")
    rig.clock.advance(100)
    rig.lists.load_first()
    rig.connect(since_ns=1)
    rig.rest(lambda ready: "stream" if "stream" in ready else ready[0])
    assert rig.enforcer.circuit_breaker.is_open
    assert len(rig.host.live) >= 20 - LIMITS.kills


def test_denied_and_revoked_pass_the_brake() -> None:
    rig = a_fleet()
    rig.run("db", "db-0")
    rig.run("db", "db-1")
    rig.adopt(listed(denied=["db"], sequence=2))
    rig.rest()
    assert rig.enforcer.circuit_breaker.is_open
    assert rig.host.live == {f"app-{number}" for number in range(8)}
    rig.adopt(listed(denied=[deny("app", revoked=True)], sequence=3))
    rig.rest()
    assert rig.host.live == set()


def test_a_good_list_releases_it() -> None:
    rig = a_fleet()
    rig.adopt(listed("db", sequence=2))
    rig.rest()
    rig.adopt(listed("app", sequence=3))
    rig.rest()
    assert not rig.enforcer.circuit_breaker.is_open
    assert len(rig.host.live) == 8
    rig.adopt(listed("db", sequence=4))
    rig.rest()
    assert (rig.enforcer.circuit_breaker.is_open, len(rig.host.live)) == (True, 8)


def test_a_person_who_releases_it_gets_what_was_held_back_ended() -> None:
    rig = a_fleet()
    rig.adopt(listed("db", sequence=2))
    rig.rest()
    with looping() as loop:
        release = ControlApi(rig.status_view(), loop).for_root()["reset-circuit-breaker"]
        assert [release({}), release({})] == [{"released": True}, {"released": False}]
    rig.rest()
    assert rig.host.live == set()
    assert not rig.enforcer.circuit_breaker.is_open
    assert "circuit_breaker.reset" in rig.events_of(Kind.NOTICE)


def test_what_ran_reported_counts_as_having_run_with_leave() -> None:
    rig = Rig(trusted=listed(approval("app", expires_at=in_(5))), limits=LIMITS).begin()
    rig.clock.advance(10)
    for number in range(8):
        rig.run("app", f"app-{number}")  # expired: reported, let run
    rig.adopt(listed(sequence=2))
    rig.rest()
    assert rig.enforcer.circuit_breaker.is_open
    assert rig.host.harmed == set()


def test_a_start_net_kill_of_a_formerly_approved_image_counts() -> None:
    settings = {"enforcement_points": frozenset({EnforcementPoint.START})}
    names = [f"app{number}" for number in range(8)]
    rig = Rig(trusted=listed(*names), limits=LIMITS, working=False, settings=settings).begin()
    for name in names:
        rig.run(name, f"first-{name}")
        rig.host.exit(rig.host.id_of(f"first-{name}"))
    rig.adopt(listed(sequence=2))
    rig.rest()
    for name in names:
        rig.run(name, name)
    rig.rest()
    assert rig.enforcer.circuit_breaker.is_open
    assert len(rig.host.live) >= len(names) - LIMITS.kills
