"""One finding an occurrence: loops are numbered, images separate, nothing reported twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.enforcement.container_actions import ActionResult
from agent.enforcement.tracked_container import PendingAction
from agent.reporting.deduplication import Deduplicator
from core.decision.verdict import Action, EnforcementPoint, Mode, Verdict
from core.image.identity import ContainerState
from tests.control.fake_host import listed
from tests.control.rig import Rig

START_ONLY = {"enforcement_points": frozenset({EnforcementPoint.START})}
PAUSE = {Verdict.UNLISTED: Action.PAUSE}


def test_a_restart_loop_is_one_violation_with_a_count() -> None:
    rig = Rig(mode=Mode.OBSERVE, trusted=listed("app")).begin()
    rig.start("evil", "bad", restart=True)
    rig.drain()
    for _ in range(9):
        rig.host.exit(rig.host.id_of("bad"))
        rig.clock.advance(5)
        rig.host.restart_due()
        rig.drain()
    findings = rig.about("bad")
    assert [f.occurrence for f in findings] == list(range(1, 11))
    assert {f.violation_id for f in findings} == {findings[0].id}
    assert len({f.id for f in findings}) == 10


def test_a_restart_policy_does_not_bring_a_killed_one_back() -> None:
    rig = Rig(trusted=listed("app"), working=False, settings=START_ONLY).begin()
    rig.start("evil", "bad", restart=True)
    rig.step("stream")
    while not rig.host.harmed:
        rig.step(rig.ready()[0])
    rig.host.restart_due()  # quicker than the engine's kill
    rig.rest()
    rig.host.restart_due()
    rig.rest()
    assert rig.host.live == set()
    (finding,) = rig.about("bad")
    assert finding.outcome and finding.outcome.ran_ms


def test_each_new_attempt_of_a_kept_container_is_one_more() -> None:
    rig = Rig(trusted=listed("app"), settings={"keep_refused": True}).begin()
    container_id = rig.create("evil", "bad")
    rig.drain()
    for _ in range(3):
        rig.host.start(container_id)
        rig.rest()
    assert [f.occurrence for f in rig.about("bad")] == [1, 2, 3]
    assert rig.host.ran == set()


def test_distinct_images_are_never_merged() -> None:
    rig = Rig(trusted=listed("app")).begin()
    for number in range(20):
        rig.run(f"evil-{number % 10}", f"bad-{number}")
    counts: dict[str, int] = {}
    for finding in rig.violations:
        counts[finding.violation_id] = counts.get(finding.violation_id, 0) + 1
    assert sorted(counts.values()) == [2] * 10


def test_a_quarantined_container_is_reported_once_and_paused_again_when_people_wake_it() -> None:
    rig = Rig(trusted=listed("app"), actions=PAUSE, working=False, settings=START_ONLY).begin()
    container_id = rig.run("evil", "bad")
    for _ in range(3):
        rig.tick(100.0)
        rig.drain()
    assert [f.event for f in rig.about("bad")] == ["container.paused"]
    rig.clock.advance(1)
    rig.host.unpause(container_id)
    rig.rest()
    assert rig.host.state_of("bad") is ContainerState.PAUSED
    assert [f.event for f in rig.about("bad")] == ["container.paused"] * 2


@pytest.mark.parametrize("mode", Mode)
def test_rescans_report_nothing_twice(mode: Mode) -> None:
    rig = Rig(mode=mode, trusted=listed("app"), actions={Verdict.UNLISTED: Action.REPORT}).begin()
    rig.run("evil", "runs")
    rig.run("evil", "ends")
    rig.create("evil", "waits")
    rig.host.exit(rig.host.id_of("ends"))
    for _ in range(5):
        rig.drain()
        rig.tick(100.0)
    names = [f.container.name for f in rig.violations if f.container]
    assert sorted(names) == ["ends", "runs", "waits"]


def test_a_rename_is_followed() -> None:
    rig = Rig(mode=Mode.OBSERVE, trusted=listed("app")).begin()
    container_id = rig.run("app", "web")
    rig.host.rename(container_id, "shop")
    rig.drain()
    assert [row["name"] for row in rig.status_view().ps()] == ["shop"]


def test_a_stuck_action_delays_nobody_else() -> None:
    rig = Rig(trusted=listed("app"), working=False).begin()
    rig.start("evil", "stuck")
    while not any(tracked.acting for tracked in rig.enforcer.table.entries.values()):
        rig.step(rig.ready()[0])
    for job in rig.post.jobs:
        job.stuck = True  # it never returns
    rig.run("evil", "bad")
    rig.run("app", "web")
    rig.rest()
    assert rig.host.live == {"web"}
    assert rig.host.ran == {"stuck", "web"}
    assert len(rig.about("bad")) == 1
    assert len(rig.about("stuck")) == 0
    for job in rig.post.jobs:
        job.stuck = False
    rig.rest()
    assert len(rig.about("stuck")) == 1


def test_nothing_is_kept_of_containers_that_are_gone() -> None:
    rig = Rig(trusted=listed("app")).begin()
    for number in range(50):
        container_id = rig.run("app" if number % 2 else "evil", f"c-{number}")
        rig.host.people_remove(container_id)
    rig.rest()
    assert rig.enforcer.table.entries == {}


steps = st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 20)), max_size=40)


@given(steps)
def test_a_series_counts_from_one_and_ends_after_quiet(script: list[tuple[str, float]]) -> None:
    deduplicator, now = Deduplicator(quiet_seconds=10), 0.0
    last: dict[str, tuple[float, str, int]] = {}
    for number, (key, wait) in enumerate(script):
        now += wait
        violation_id, count = deduplicator.number((key,), f"id-{number}", now=now)
        when, former_id, former_count = last.get(key, (-99.0, "", 0))
        if now - when > 10:
            assert (violation_id, count) == (f"id-{number}", 1)
        else:
            assert (violation_id, count) == (former_id, former_count + 1)
        last[key] = (now, violation_id, count)


def test_the_coalescer_forgets_the_longest_quiet_series_first() -> None:
    deduplicator = Deduplicator(most=2)
    for number, key in enumerate("abac"):
        deduplicator.number((key,), str(number), now=float(number))
    assert deduplicator.number(("a",), "new", now=5.0) == ("0", 3)
    assert deduplicator.number(("b",), "new", now=5.0) == ("new", 1)


def test_a_late_word_of_the_engine_does_not_lengthen_a_run() -> None:
    """The engine reports a death only once it is done with the start."""
    rig = Rig(trusted=listed("app")).begin()
    container_id = rig.run("app", "one")
    tracked = rig.enforcer.table.entries[container_id]
    assert tracked.decision
    tracked.started(1_000_000_000)
    tracked.acting = True
    tracked.died(1_130_000_000)
    result = ActionResult(Action.KILL, gone_ns=1_006_000_000, took_ms=1.0)
    finding = rig.enforcer.services.finding_factory.done(
        tracked, PendingAction("id", tracked.decision), result
    )
    assert finding.outcome
    assert finding.outcome.ran_ms == 6.0
