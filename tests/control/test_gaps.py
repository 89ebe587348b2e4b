"""After a gap everything is evaluated again: nothing depends on having seen every event."""

from datetime import timedelta

import pytest

from agent.enforcement.circuit_breaker import CircuitBreakerLimits
from agent.enforcement.connection import EngineMoved
from agent.errors import EngineUnavailable
from core.decision.verdict import Action, EnforcementPoint
from core.findings.finding import Kind
from tests.control.fake_host import listed
from tests.control.rig import Rig


def running(*references: str, **given: object) -> Rig:
    """A rig whose host ran one container of each image before the agent began."""
    rig = Rig(**given)  # type: ignore[arg-type] # Rig's own fields
    for reference in references:
        rig.start(reference, reference)
    rig.clock.advance(100)
    return rig


def test_what_ran_before_the_agent_is_evaluated_and_ended() -> None:
    rig = running("app", "evil", trusted=listed("app")).begin()
    (finding,) = rig.violations
    assert rig.host.live == {"app"}
    assert finding.outcome and finding.container
    assert (finding.container.name, finding.outcome.enforcement_point) == (
        "evil",
        EnforcementPoint.RESCAN,
    )
    assert finding.outcome.ran_ms is None  # nobody knows when it began


def test_what_was_created_before_the_agent_is_kept_and_refused_when_it_starts() -> None:
    rig = Rig(trusted=listed("app"))
    container_id = rig.create("evil", "bad")
    rig.begin()
    assert (rig.host.names, rig.violations) == ({"bad"}, [])
    rig.host.start(container_id)
    rig.rest()
    assert rig.host.ran == set()
    assert [f.outcome.enforcement_point for f in rig.about("bad") if f.outcome] == [
        EnforcementPoint.GATE
    ]


@pytest.mark.parametrize("working", [True, False])
def test_a_reconnection_finds_what_started_meanwhile(working: bool) -> None:
    rig = Rig(trusted=listed("app"), working=working).begin()
    rig.disconnect()
    rig.drain()
    rig.gate.fall()
    rig.start("evil", "bad")
    rig.start("app", "web")
    rig.clock.advance(1)
    rig.connect()
    rig.rest()
    assert rig.host.live == {"web"}
    assert [f.event for f in rig.about("bad")] == ["container.killed"]
    assert rig.events_of(Kind.ALARM)[0] == "engine.lost"


def test_a_replay_after_the_sweep_changes_nothing() -> None:
    rig = Rig(trusted=listed("app"), working=False).begin()
    rig.disconnect()
    since = rig.host.hub.memory[-1].time_ns + 1 if rig.host.hub.memory else 1
    rig.start("evil", "bad")
    rig.clock.advance(1)
    rig.connect(since)
    rig.rest(lambda ready: next((p for p in ready if p != "stream"), "stream"))
    assert len(rig.about("bad")) == 1


@pytest.mark.parametrize("note", ["gap", "unreadable"])
def test_a_note_of_the_stream_has_all_evaluated(note: str) -> None:
    rig = Rig(trusted=listed("app"), working=False).begin()
    heard = rig.host.hub.listeners.pop()
    rig.start("evil", "bad")
    rig.host.hub.listeners.append(heard)
    rig.say(note)
    rig.drain()
    assert rig.host.live == set()


@pytest.mark.parametrize("live_restore", [True, False])
def test_an_engine_restart(live_restore: bool) -> None:
    rig = Rig(trusted=listed("app")).begin()
    rig.run("app", "web", restart=True)
    rig.run("app", "once")
    rig.gate.fall()
    rig.disconnect()
    rig.host.restart(live_restore=live_restore)
    rig.start("evil", "bad", restart=True)
    rig.connect()
    rig.rest()
    assert rig.host.live == ({"web", "once"} if live_restore else {"web"})
    assert rig.host.harmed == {"bad"}
    assert len(rig.about("bad")) == 1
    assert rig.about("web") == rig.about("once") == []


def test_a_crashed_engine_comes_back() -> None:
    rig = Rig(trusted=listed("app")).begin()
    rig.run("app", "web")
    rig.disconnect()
    rig.host.crash()
    rig.rest()
    assert rig.status_view().status()["engine"]["connected"] is False
    rig.host.restart(live_restore=True)
    rig.connect()
    rig.rest()
    assert rig.host.live == {"web"}
    assert rig.status_view().degraded() == []


def test_a_hanging_engine_is_asked_until_it_answers() -> None:
    rig = Rig(trusted=listed("app"))
    rig.host.readable_files = False
    rig.begin()
    rig.gate.fall()
    container_id = rig.create("evil", "bad")
    rig.host.hang()
    rig.drain()
    rig.tick(1.0)
    rig.drain()
    assert rig.violations == []
    assert not rig.enforcer.idle  # so that the bookmark stays before it
    rig.host.resume()
    rig.host.start(container_id)
    rig.rest()
    assert rig.host.live == set()
    assert len(rig.about("bad")) == 1


def test_failing_acts_do_not_flood() -> None:
    rig = Rig(
        trusted=listed("app"),
        working=False,
        settings={"enforcement_points": frozenset({EnforcementPoint.START})},
    )
    rig.begin()
    rig.host.stubborn.add("bad")
    rig.start("evil", "bad")
    for _ in range(60):
        rig.drain()
        rig.tick(1.0)
    assert [f.event for f in rig.about("bad")] == ["container.action_failed"]
    rig.host.stubborn.clear()
    rig.rest()
    assert [f.event for f in rig.about("bad")] == ["container.action_failed", "container.killed"]
    assert rig.host.live == set()


def test_a_failed_listing_is_tried_again_soon() -> None:
    rig = Rig(trusted=listed("app")).begin()
    rig.host.hang()
    rig.rescanner.rescan("asked for")
    rig.drain()
    assert rig.status_view().degraded() != []
    rig.host.resume()
    rig.tick(2.0)
    rig.drain()
    assert rig.status_view().degraded() == []


def test_all_is_evaluated_again_by_period() -> None:
    rig = Rig(trusted=listed("app"), working=False).begin()
    rig.host.hub.listeners.clear()
    rig.start("evil", "bad")
    rig.tick(59.0)
    rig.drain()
    assert rig.host.live == {"bad"}
    rig.tick(1.0)
    rig.drain()
    assert rig.host.live == set()


def test_an_engine_that_keeps_its_containers_elsewhere_restarts_the_agent() -> None:
    rig = Rig(trusted=listed("app"))
    rig.connection._root = "/elsewhere"
    rig.boot()
    with pytest.raises(EngineMoved):
        rig.drain()


def test_an_engine_that_never_answered_is_no_alarm_but_degraded() -> None:
    rig = Rig(trusted=listed("app"))
    rig.host.crash()
    rig.lists.load_first()
    rig.post.stream.append(str(EngineUnavailable("no socket")))
    rig.drain()
    assert rig.events_of(Kind.ALARM) == []
    assert "no socket" in rig.status_view().degraded()


def test_a_start_long_before_a_set_clock_is_evaluated_all_the_same() -> None:
    """NTP sets the clock back by an hour between a kill and the next start."""
    settings = {"enforcement_points": frozenset({EnforcementPoint.START})}
    rig = Rig(trusted=listed("app"), working=False, settings=settings).begin()
    container_id = rig.run("evil", "bad")
    rig.clock.set_wall(rig.clock.now() - timedelta(hours=1))
    rig.host._last_ns = 0
    rig.host.start(container_id)
    rig.rest()
    assert rig.host.live == set()
    assert len(rig.about("bad")) == 2


def test_a_kill_while_the_engine_is_away_is_finished_at_the_gate() -> None:
    """The kernel kills it, the engine hears nothing of it and brings it back."""
    limits = CircuitBreakerLimits(10, 60.0, 1.0)
    rig = Rig(trusted=listed("app", "db"), limits=limits).begin()
    rig.run("app", "stays")
    container_id = rig.run("db", "goes", restart=True)
    rig.disconnect()
    rig.host.crash()
    rig.adopt(listed("app", sequence=2))
    rig.drain()
    assert rig.host.live == {"stays"}
    rig.host.restart(live_restore=True)
    rig.host.start(container_id)
    rig.drain()
    rig.connect()
    rig.rest()
    assert (rig.host.live, rig.host.known[container_id].ran) == ({"stays"}, 1)
    actions = [f.outcome.action for f in rig.about("goes") if f.outcome]
    assert set(actions) == {Action.KILL}
