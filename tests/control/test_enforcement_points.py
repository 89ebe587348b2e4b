"""The three enforcement points: unapproved containers are refused before they run, or ended."""

import pytest

from agent.ports import GateDecision
from core.decision.verdict import Action, EnforcementPoint, Verdict
from core.image.identity import ContainerState
from tests.control.fake_host import listed
from tests.control.rig import Rig

GATE_OFF = frozenset({EnforcementPoint.CREATE, EnforcementPoint.START})
LATE = frozenset({EnforcementPoint.GATE, EnforcementPoint.START})


def test_unapproved_is_removed_at_its_creation_and_never_runs() -> None:
    rig = Rig(trusted=listed("app")).begin()
    rig.run("evil", "bad")
    (finding,) = rig.about("bad")
    assert finding.outcome and finding.decision
    assert (rig.host.names, rig.host.ran) == (set(), set())
    assert finding.event == "container.refused"
    assert (finding.outcome.enforcement_point, finding.outcome.ran_ms) == (
        EnforcementPoint.CREATE,
        0.0,
    )
    assert finding.decision.verdict is Verdict.UNLISTED
    assert finding.evidence in {f"evidence/{kept}" for kept in rig.evidence.kept}
    assert finding.violation_id == finding.id


def test_approved_runs_and_is_never_held() -> None:
    rig = Rig(trusted=listed("app")).begin()
    container_id = rig.create("app", "web")
    rig.drain()
    rig.host.start(container_id)
    assert rig.gate.held == {}
    rig.rest()
    assert (rig.host.live, rig.host.harmed, rig.violations) == ({"web"}, set(), [])


def test_unapproved_is_caught_at_the_gate_when_its_start_is_as_quick_as_its_creation() -> None:
    rig = Rig(trusted=listed("app")).begin()
    rig.start("evil", "bad")
    assert rig.gate.held
    rig.rest()
    (finding,) = rig.about("bad")
    assert finding.outcome
    assert (finding.outcome.enforcement_point, finding.outcome.ran_ms) == (
        EnforcementPoint.GATE,
        0.0,
    )
    assert (rig.host.ran, rig.host.names, rig.gate.held) == (set(), set(), {})


@pytest.mark.parametrize("reference", ["app", "evil"])
def test_the_gate_alone_suffices_when_the_create_event_is_missed(reference: str) -> None:
    rig = Rig(trusted=listed("app")).begin()
    rig.disconnect()
    rig.start(reference, "one")
    rig.drain()
    assert rig.host.ran == ({"one"} if reference == "app" else set())
    assert [f.outcome.enforcement_point for f in rig.about("one") if f.outcome] == (
        [] if reference == "app" else [EnforcementPoint.GATE]
    )


def test_a_create_event_after_the_birth_changes_nothing() -> None:
    rig = Rig(trusted=listed("app")).begin()
    rig.start("evil", "bad")
    rig.rest(lambda ready: next((p for p in ready if p != "stream"), "stream"))
    assert len(rig.about("bad")) == 1
    assert rig.host.ran == set()


def test_with_the_gate_off_the_start_event_ends_what_removal_did_not_catch() -> None:
    rig = Rig(trusted=listed("app"), working=False).begin()
    rig.image("evil")
    rig.drain()
    container_id = rig.create("evil", "bad")
    rig.step("stream")
    rig.step("job")
    rig.step("result")  # evaluated: its removal is under way
    rig.host.start(container_id)
    rig.clock.advance(0.007)
    rig.rest()
    (finding,) = rig.about("bad")
    assert finding.outcome
    assert (rig.host.ran, rig.host.live) == ({"bad"}, set())
    assert (finding.event, finding.outcome.enforcement_point) == (
        "container.killed",
        EnforcementPoint.START,
    )
    assert finding.outcome.ran_ms is not None and finding.outcome.ran_ms > 0


def test_without_create_net_and_gate_the_start_net_catches_all() -> None:
    rig = Rig(
        trusted=listed("app"), settings={"enforcement_points": frozenset({EnforcementPoint.START})}
    ).begin()
    rig.run("evil", "bad")
    (finding,) = rig.about("bad")
    assert finding.outcome
    assert (finding.event, finding.outcome.enforcement_point) == (
        "container.killed",
        EnforcementPoint.START,
    )
    assert finding.outcome.ran_ms
    assert (rig.host.live, rig.host.state_of("bad")) == (set(), ContainerState.EXITED)


def test_what_no_net_may_end_is_reported() -> None:
    rig = Rig(
        trusted=listed("app"),
        working=False,
        settings={"enforcement_points": frozenset({EnforcementPoint.CREATE}), "keep_refused": True},
    ).begin()
    rig.run("evil", "bad")
    rig.rest()
    assert rig.host.live == {"bad"}
    assert [(f.event, f.outcome.action) for f in rig.about("bad") if f.outcome] == [
        ("container.reported", Action.REPORT)
    ]


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("enforcement_points", [GATE_OFF, LATE])
def test_keep_refused_keeps_what_never_ran(
    enforcement_points: frozenset[EnforcementPoint], keep: bool
) -> None:
    gate = EnforcementPoint.GATE in enforcement_points
    rig = Rig(
        trusted=listed("app"),
        working=gate,
        settings={"enforcement_points": enforcement_points, "keep_refused": keep},
    ).begin()
    container_id = rig.create("evil", "bad")
    rig.drain()
    if gate:
        rig.host.start(container_id)
    rig.rest()
    assert rig.host.ran == set()
    assert rig.host.names == ({"bad"} if keep else set())
    assert len(rig.about("bad")) == (0 if keep and not gate else 1)


@pytest.mark.parametrize("keep", [True, False])
def test_keep_killed_keeps_what_ran(keep: bool) -> None:
    rig = Rig(
        trusted=listed("app"),
        working=False,
        settings={"enforcement_points": frozenset({EnforcementPoint.START}), "keep_killed": keep},
    ).begin()
    rig.run("evil", "bad")
    rig.rest()
    assert rig.host.names == ({"bad"} if keep else set())
    assert [f.event for f in rig.about("bad")] == ["container.killed"]


@pytest.mark.parametrize(
    ("action", "event", "state"),
    [
        (Action.STOP, "container.stopped", ContainerState.EXITED),
        (Action.PAUSE, "container.paused", ContainerState.PAUSED),
        (Action.REPORT, "container.reported", ContainerState.RUNNING),
        (Action.ALLOW, None, ContainerState.RUNNING),
    ],
)
def test_each_action(action: Action, event: str | None, state: ContainerState) -> None:
    rig = Rig(
        trusted=listed("app"),
        actions={Verdict.UNLISTED: action},
        working=False,
        settings={"enforcement_points": frozenset({EnforcementPoint.START})},
    ).begin()
    rig.run("evil", "bad")
    rig.rest()
    assert rig.host.state_of("bad") is state
    assert [f.event for f in rig.about("bad")] == ([event] if event else [])


@pytest.mark.parametrize("drained", [True, False])
def test_what_belongs_in_quarantine_is_refused_at_its_start_and_never_removed(
    drained: bool,
) -> None:
    """Evaluated at its creation already, or at the gate only: evidence is kept either way."""
    rig = Rig(trusted=listed("app"), actions={Verdict.UNLISTED: Action.PAUSE}).begin()
    container_id = rig.create("evil", "bad")
    if drained:
        rig.rest()
        assert (rig.host.names, rig.violations) == ({"bad"}, [])
    rig.host.start(container_id)
    rig.rest()
    (finding,) = rig.about("bad")
    assert finding.outcome
    assert (finding.event, finding.outcome.enforcement_point) == (
        "container.refused",
        EnforcementPoint.GATE,
    )
    assert (rig.host.names, rig.host.ran) == ({"bad"}, set())


def test_without_a_gate_quarantine_begins_at_the_start() -> None:
    actions = {Verdict.UNLISTED: Action.PAUSE}
    rig = Rig(trusted=listed("app"), actions=actions, working=False).begin()
    rig.run("evil", "bad")
    rig.rest()
    assert rig.host.state_of("bad") is ContainerState.PAUSED
    assert [f.event for f in rig.about("bad")] == ["container.paused"]


def test_each_verdict_has_its_own_action() -> None:
    actions = {Verdict.UNLISTED: Action.REPORT, Verdict.DENIED: Action.KILL}
    rig = Rig(trusted=listed("app", denied=["virus"]), actions=actions).begin()
    rig.run("evil", "bad")
    rig.run("virus", "worse")
    assert rig.host.live == {"bad"}
    assert [f.event for f in rig.violations] == ["container.reported", "container.refused"]


@pytest.mark.parametrize("reference", ["app", "evil"])
def test_a_pause_by_people_that_the_gate_finds_is_left(reference: str) -> None:
    rig = Rig(trusted=listed("app", "evil"), actions={Verdict.UNLISTED: Action.REPORT}).begin()
    container_id = rig.run(reference, "one")
    rig.host.pause(container_id)
    rig.drain()
    rig.host.harmed.clear()
    rig.adopt(listed("app", sequence=2))
    rig.drain()
    rig.gate.hold_paused(container_id)
    rig.rest()
    assert rig.gate.held == {}
    assert rig.host.state_of("one") is ContainerState.PAUSED
    assert rig.host.harmed == set()


def test_a_pause_by_people_does_not_protect_what_is_denied() -> None:
    rig = Rig(trusted=listed("app")).begin()
    container_id = rig.run("app", "one")
    rig.host.pause(container_id)
    rig.drain()
    rig.gate.hold_paused(container_id)
    rig.adopt(listed(denied=["app"], sequence=2))
    rig.rest()
    assert rig.host.live == set()
    assert [f.event for f in rig.about("one")] == ["container.killed"]


@pytest.mark.parametrize("answer", [GateDecision.THAW, GateDecision.KILL])
def test_a_hold_that_nobody_answers_is_undetermined_and_then_evaluated(
    answer: GateDecision,
) -> None:
    rig = Rig(trusted=listed("app"), on_timeout=answer).begin()
    container_id = rig.start("evil", "bad")
    rig.gate.timeout(container_id)
    rig.rest()
    verdicts = [f.decision.verdict for f in rig.about("bad") if f.decision]
    assert verdicts == [Verdict.UNDETERMINED, Verdict.UNLISTED]
    outcome = rig.about("bad")[0].outcome
    assert outcome
    assert outcome.action is (Action.KILL if answer is GateDecision.KILL else Action.REPORT)
    assert rig.host.live == set()


def test_evidence_that_cannot_be_kept_stops_nobody() -> None:
    rig = Rig(trusted=listed("app")).begin()
    rig.evidence.full = True
    rig.run("evil", "bad")
    (finding,) = rig.about("bad")
    assert rig.host.names == set()
    assert finding.evidence == "none: the fake disk is full"


@pytest.mark.parametrize("working", [True, False])
def test_what_ever_ran_is_never_removed_at_a_refused_start(working: bool) -> None:
    rig = Rig(trusted=listed("app"), working=working).begin()
    container_id = rig.run("app", "data")
    rig.adopt(listed("db", sequence=2))
    rig.rest()
    assert rig.host.live == set()
    rig.host.start(container_id)
    rig.rest()
    assert rig.host.names == {"data"}
    assert rig.host.live == set()


def test_a_refused_restart_is_reported_as_one_that_never_ran() -> None:
    rig = Rig(trusted=listed("app")).begin()
    container_id = rig.run("app", "one")
    rig.clock.advance(5)
    rig.adopt(listed("db", sequence=2))
    rig.rest()
    rig.host.start(container_id)
    rig.rest()
    first, second = rig.about("one")
    assert first.event == "container.killed"
    assert first.outcome and first.outcome.enforcement_point is EnforcementPoint.RESCAN
    assert second.event == "container.refused"
    assert second.outcome and (second.outcome.enforcement_point, second.outcome.ran_ms) == (
        EnforcementPoint.GATE,
        0.0,
    )
