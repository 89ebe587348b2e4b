"""What ended or vanished before it could be evaluated is reported all the same, and once."""

from collections.abc import Callable

import pytest

from agent.ports import CgroupCreated, GateDecision
from core.decision.verdict import Verdict
from tests.control.fake_host import in_, listed
from tests.control.rig import Rig
from tests.fakes.clock import START


def test_what_ran_and_ended_while_nobody_watched_is_reported() -> None:
    rig = Rig(trusted=listed("app"), watched_since=in_(10))
    rig.start("evil", "old", dies_at_once=True)
    rig.clock.advance(20)
    rig.start("evil", "new", dies_at_once=True)
    rig.start("app", "fine", dies_at_once=True)
    rig.begin()
    rig.adopt(listed(sequence=2))
    rig.rest()
    (finding,) = rig.violations
    assert finding.container and finding.outcome
    assert (finding.container.name, finding.event) == ("new", "container.reported")
    assert finding.outcome.ran_ms is None
    assert "ended by itself" in finding.summary
    assert rig.host.names == {"old", "new", "fine"}


def test_creation_times_are_listed_in_whole_seconds() -> None:
    """The bookmark lies between the second as listed and the instant at which it was made."""
    rig = Rig(trusted=listed("app"), watched_since=in_(10.4))
    rig.clock.advance(10)
    rig.start("evil", "bad", dies_at_once=True)
    rig.begin()
    assert [f.event for f in rig.about("bad")] == ["container.reported"]


def test_what_was_ended_by_us_is_not_reported_again_by_the_next_sweep() -> None:
    rig = Rig(trusted=listed("app"), working=False, watched_since=START).begin()
    rig.start("evil", "bad")
    rig.rest()
    for _ in range(3):
        rig.tick(100.0)
        rig.drain()
    assert len(rig.about("bad")) == 1


@pytest.mark.parametrize("ran", [True, False])
def test_gone_before_it_was_seen_is_undetermined_only_if_it_ran(ran: bool) -> None:
    rig = Rig(trusted=listed("app"), working=False).begin()
    container_id = rig.create("evil", "bad")
    if ran:
        rig.host.start(container_id)
    rig.host.people_remove(container_id)
    rig.rest()
    verdicts = [f.decision.verdict for f in rig.violations if f.decision]
    assert verdicts == ([Verdict.UNDETERMINED] if ran else [])
    assert rig.enforcer.table.entries == {}


def test_gone_while_it_waits_for_another_look_is_undetermined() -> None:
    rig = Rig(trusted=listed("app"), working=False)
    rig.host.readable_files = False
    rig.begin()
    container_id = rig.start("evil", "bad")
    rig.host.hang()
    rig.drain()
    rig.host.resume()
    rig.host.people_remove(container_id)
    rig.rest()
    assert [f.event for f in rig.about("bad")] == ["container.undetermined"]
    assert rig.enforcer.table.entries == {}


def test_dead_before_it_was_evaluated_is_reported_with_the_time_it_ran() -> None:
    rig = Rig(trusted=listed("app"), working=False).begin()
    container_id = rig.create("evil", "bad")
    rig.host.start(container_id)
    rig.clock.advance(2)
    rig.host.exit(container_id)
    rig.rest(lambda ready: "stream" if "stream" in ready else ready[0])
    (finding,) = rig.about("bad")
    assert finding.outcome
    assert finding.event == "container.reported"
    assert round(finding.outcome.ran_ms or 0) == 2000
    assert rig.host.names == {"bad"}  # what ran is evidence


def test_destroyed_while_it_is_looked_at() -> None:
    rig = Rig(trusted=listed("app"), working=False).begin()
    rig.image("evil")
    rig.drain()
    container_id = rig.create("evil", "bad")
    rig.step("stream")
    rig.host.start(container_id)
    rig.step("job")  # seen running
    rig.host.people_remove(container_id)
    rig.rest(lambda ready: "stream" if "stream" in ready else ready[0])
    assert len(rig.about("bad")) == 1
    assert rig.enforcer.table.entries == {}


def test_a_stale_listing_revives_nobody() -> None:
    rig = Rig(trusted=listed("app"), settings={"keep_killed": False}, working=False).begin()
    rig.start("evil", "bad")
    rig.rescanner.rescan("asked for")
    rig.step("job")  # listed as running
    rig.rest(lambda ready: next((p for p in ready if p != "result"), "result"))
    assert len(rig.about("bad")) == 1
    assert rig.enforcer.table.entries == {}


def _people_remove_it(rig: Rig) -> None:
    (container_id,) = rig.host.known
    rig.host.people_remove(container_id)


@pytest.mark.parametrize(
    ("reference", "remove", "decision"),
    [
        ("evil", Rig.drain, GateDecision.KILL),
        ("app", _people_remove_it, GateDecision.THAW),
    ],
)
def test_a_start_that_overtook_the_removal_is_answered_by_the_last_verdict(
    reference: str,
    remove: Callable[[Rig], object],
    decision: GateDecision,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The engine may destroy a container while its runtime still makes the cgroup."""
    rig = Rig(trusted=listed("app")).begin()
    container_id = rig.create(reference, "late")
    rig.drain()
    remove(rig)
    rig.rest()
    assert container_id in rig.enforcer.table.tombstones
    answers: list[tuple[str, GateDecision]] = []
    monkeypatch.setattr(rig.gate, "rule", lambda *answer: answers.append(answer))
    rig.enforcer.gate_handler.on_cgroup_created(CgroupCreated(container_id, "/c", True, 1))
    assert answers == [(container_id, decision)]
