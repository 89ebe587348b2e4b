"""The contract of `ports.Gate`, on the simulated host and on real cgroups of both kinds."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.gate.mounts import hierarchies
from agent.ports import CgroupCreated, GateDecision, GateOrders, GateState, HoldEnded
from tests.contract.gate_yard import FakeGateYard, GateYard, RealGateYard, hear
from tests.gate.cells import cells
from tests.patience import until

MakeYard = Callable[..., GateYard]


@pytest.fixture(params=["fake", "v1", "v2"])
def make_yard(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeYard]:
    """Makes one yard with a working gate; closes it."""
    given: dict[str, Any] = {"freeze": True, "on_timeout": GateDecision.THAW, "hold_seconds": 30.0}
    made: list[FakeGateYard | RealGateYard] = []

    def begin(yard: FakeGateYard | RealGateYard) -> GateYard:
        made.append(yard)
        yard.gate.start()
        assert hear(yard, GateState).working
        return yard

    if request.param == "fake":
        yield lambda **settings: begin(FakeGateYard(**(given | settings)))
        made[0].close()
        return
    version = request.param[1:]
    if os.geteuid() != 0:
        pytest.skip("needs root: cgroups are made and frozen")
    if version not in hierarchies(Path("/proc/self/mountinfo").read_text()):
        pytest.skip(f"this machine has no cgroup {request.param} hierarchy that freezes")
    with cells(version, tmp_path) as place:
        yield lambda **settings: begin(RealGateYard(place, **(given | settings)))
        made[0].close()


def started(yard: GateYard) -> str:
    container_id = yard.create()
    yard.start(container_id)
    return container_id


@pytest.mark.parametrize("by", ["rule", "admit"])
def test_unjudged_is_held_until_it_may_run(make_yard: MakeYard, by: str) -> None:
    yard = make_yard()
    one = started(yard)
    created = hear(yard, CgroupCreated, one)
    assert created.held and not created.build_step
    assert yard.lives(one) and not yard.ran(one)
    yard.gate.admit(one) if by == "admit" else yard.gate.rule(one, GateDecision.THAW)
    hold_ended = hear(yard, HoldEnded, one)
    assert (hold_ended.decision, hold_ended.unanswered) == (GateDecision.THAW, False)
    until(lambda: yard.ran(one), "it ran")


@pytest.mark.parametrize("by", ["rule", "refuse"])
def test_unjudged_is_held_until_it_is_killed(make_yard: MakeYard, by: str) -> None:
    yard = make_yard()
    one = started(yard)
    assert hear(yard, CgroupCreated, one).held
    yard.gate.refuse(one) if by == "refuse" else yard.gate.rule(one, GateDecision.KILL)
    hold_ended = hear(yard, HoldEnded, one)
    assert (hold_ended.decision, hold_ended.unanswered) == (GateDecision.KILL, False)
    until(lambda: not yard.lives(one), "it died")
    assert not yard.ran(one)


def test_admitted_before_is_not_held(make_yard: MakeYard) -> None:
    yard = make_yard()
    one = yard.create()
    yard.gate.admit(one)
    yard.start(one)
    assert not hear(yard, CgroupCreated, one).held
    until(lambda: yard.ran(one), "it ran")
    assert not [message for message in yard.heard if isinstance(message, HoldEnded)]


def test_refused_before_dies_at_birth(make_yard: MakeYard) -> None:
    yard = make_yard()
    one = yard.create()
    yard.gate.refuse(one)
    yard.start(one)
    assert hear(yard, CgroupCreated, one).held
    assert hear(yard, HoldEnded, one).decision is GateDecision.KILL
    until(lambda: not yard.lives(one), "it died")
    assert not yard.ran(one)


def test_the_last_word_before_birth_counts(make_yard: MakeYard) -> None:
    yard = make_yard()
    one, other = yard.create(), yard.create()
    yard.gate.admit(one)
    yard.gate.refuse(one)
    yard.gate.refuse(other)
    yard.gate.admit(other)
    yard.start(one)
    yard.start(other)
    assert hear(yard, HoldEnded, one).decision is GateDecision.KILL
    assert not hear(yard, CgroupCreated, other).held


def test_forgotten_is_held_again(make_yard: MakeYard) -> None:
    yard = make_yard()
    one, other = yard.create(), yard.create()
    for each in (one, other):
        yard.gate.admit(each)
    yard.gate.forget(one)
    yard.start(one)
    assert hear(yard, CgroupCreated, one).held
    yard.gate.forget()
    yard.start(other)
    assert hear(yard, CgroupCreated, other).held


def test_the_first_answer_to_a_hold_counts(make_yard: MakeYard) -> None:
    yard = make_yard()
    one = started(yard)
    hear(yard, CgroupCreated, one)
    yard.gate.rule(one, GateDecision.KILL)
    yard.gate.rule(one, GateDecision.THAW)
    hear(yard, HoldEnded, one)
    until(lambda: not yard.lives(one), "it died")
    assert not yard.ran(one)
    assert [m.decision for m in yard.heard if isinstance(m, HoldEnded)] == [GateDecision.KILL]


def test_left_alone_stays_as_it_is(make_yard: MakeYard) -> None:
    yard = make_yard()
    one = started(yard)
    hear(yard, CgroupCreated, one)
    yard.gate.rule(one, GateDecision.LEAVE)
    assert hear(yard, HoldEnded, one).decision is GateDecision.LEAVE
    assert yard.lives(one) and not yard.ran(one)


@pytest.mark.parametrize("answer", [GateDecision.THAW, GateDecision.KILL])
def test_time_is_up(make_yard: MakeYard, answer: GateDecision) -> None:
    yard = make_yard(on_timeout=answer, hold_seconds=0.3)
    one = started(yard)
    hear(yard, CgroupCreated, one)
    yard.time_is_up(one)
    hold_ended = hear(yard, HoldEnded, one)
    assert (hold_ended.decision, hold_ended.unanswered) == (answer, True)
    until(lambda: yard.ran(one) or not yard.lives(one), "the answer was carried out")
    assert yard.ran(one) == (answer is GateDecision.THAW)


def test_close_answers_for_those_held(make_yard: MakeYard) -> None:
    yard = make_yard(on_timeout=GateDecision.KILL)
    one = started(yard)
    hear(yard, CgroupCreated, one)
    yard.gate.close()
    hold_ended = hear(yard, HoldEnded, one)
    assert (hold_ended.decision, hold_ended.unanswered) == (GateDecision.KILL, True)
    until(lambda: not yard.lives(one), "it died")
    assert not yard.ran(one)


def test_watching_only(make_yard: MakeYard) -> None:
    yard = make_yard(freeze=False)
    one = started(yard)
    created = hear(yard, CgroupCreated, one)
    assert not created.held and yard.gate.cgroup(one) == created.cgroup
    until(lambda: yard.ran(one), "it ran")


def test_cgroup_is_known_from_birth(make_yard: MakeYard) -> None:
    yard = make_yard()
    one = yard.create()
    assert yard.gate.cgroup(one) is None
    yard.start(one)
    created = hear(yard, CgroupCreated, one)
    assert yard.gate.cgroup(one) == created.cgroup


@pytest.mark.parametrize("decision", [GateDecision.THAW, GateDecision.KILL])
def test_no_ruling_is_lost_when_the_gate_dies(make_yard: MakeYard, decision: GateDecision) -> None:
    yard = make_yard()
    one = started(yard)
    assert hear(yard, CgroupCreated, one).held
    yard.lose_gate_while(lambda: yard.gate.rule(one, decision))
    assert not hear(yard, GateState, nth=2).working
    hold_ended = hear(yard, HoldEnded, one)
    assert (hold_ended.decision, hold_ended.unanswered) == (decision, False)
    assert hear(yard, GateState, nth=3).working
    until(lambda: yard.ran(one) or not yard.lives(one), "the decision was carried out")
    assert yard.ran(one) == (decision is GateDecision.THAW)


def test_held_when_the_gate_dies_is_told_again(make_yard: MakeYard) -> None:
    yard = make_yard()
    one = started(yard)
    hear(yard, CgroupCreated, one)
    yard.lose_gate_while(lambda: None)
    assert hear(yard, CgroupCreated, one, nth=2).held
    assert hear(yard, GateState, nth=3).working
    assert yard.lives(one) and not yard.ran(one)
    yard.gate.rule(one, GateDecision.THAW)
    until(lambda: yard.ran(one), "it ran")


def test_new_orders_are_for_what_is_created_after_them(make_yard: MakeYard) -> None:
    yard = make_yard(freeze=False)
    before = started(yard)
    hear(yard, CgroupCreated, before)
    orders = GateOrders(True, 30.0, GateDecision.THAW, "deny")
    yard.gate.configure(orders)
    one = started(yard)
    assert hear(yard, CgroupCreated, one).held
    yard.gate.configure(replace(orders, freeze=False))
    two = started(yard)
    assert not hear(yard, CgroupCreated, two).held
    assert not yard.ran(one)
    yard.gate.rule(one, GateDecision.THAW)
    until(lambda: yard.ran(one), "it ran")


def test_new_orders_outlive_the_gates_process(make_yard: MakeYard) -> None:
    yard = make_yard(freeze=False)
    yard.gate.configure(GateOrders(True, 30.0, GateDecision.THAW, "deny"))
    yard.lose_gate_while(lambda: None)
    assert hear(yard, GateState, nth=3).working  # it stood, it fell, it stands
    assert hear(yard, CgroupCreated, started(yard)).held
