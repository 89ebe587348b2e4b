"""The contract of `ports.Gate`, on the simulated host and on real cgroups of both kinds."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.helpers.gate.mounts import hierarchies
from agent.ports import CgroupCreated, GateDecision, GateOrders, GateState, HoldEnded
from tests.contract.gate_host import FakeGateHost, GateHost, RealGateHost, hear
from tests.gate.fake_containers import containers
from tests.patience import until

MakeHost = Callable[..., GateHost]


@pytest.fixture(params=["fake", "v1", "v2"])
def make_host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeHost]:
    """Makes one host with a working gate; closes it."""
    given: dict[str, Any] = {"freeze": True, "on_timeout": GateDecision.THAW, "hold_seconds": 30.0}
    made: list[FakeGateHost | RealGateHost] = []

    def begin(gate_host: FakeGateHost | RealGateHost) -> GateHost:
        made.append(gate_host)
        gate_host.gate.start()
        assert hear(gate_host, GateState).working
        return gate_host

    if request.param == "fake":
        yield lambda **settings: begin(FakeGateHost(**(given | settings)))
        made[0].close()
        return
    version = request.param[1:]
    if os.geteuid() != 0:
        pytest.skip("needs root: cgroups are made and frozen")
    if version not in hierarchies(Path("/proc/self/mountinfo").read_text()):
        pytest.skip(f"this machine has no cgroup {request.param} hierarchy that freezes")
    with containers(version, tmp_path) as place:
        yield lambda **settings: begin(RealGateHost(place, **(given | settings)))
        made[0].close()


def started(gate_host: GateHost) -> str:
    container_id = gate_host.create()
    gate_host.start(container_id)
    return container_id


@pytest.mark.parametrize("by", ["rule", "admit"])
def test_unevaluated_is_held_until_it_may_run(make_host: MakeHost, by: str) -> None:
    gate_host = make_host()
    one = started(gate_host)
    created = hear(gate_host, CgroupCreated, one)
    assert created.held and not created.build_step
    assert gate_host.lives(one) and not gate_host.ran(one)
    gate_host.gate.admit(one) if by == "admit" else gate_host.gate.rule(one, GateDecision.THAW)
    hold_ended = hear(gate_host, HoldEnded, one)
    assert (hold_ended.decision, hold_ended.unanswered) == (GateDecision.THAW, False)
    until(lambda: gate_host.ran(one), "it ran")


@pytest.mark.parametrize("by", ["rule", "refuse"])
def test_unevaluated_is_held_until_it_is_killed(make_host: MakeHost, by: str) -> None:
    gate_host = make_host()
    one = started(gate_host)
    assert hear(gate_host, CgroupCreated, one).held
    gate_host.gate.refuse(one) if by == "refuse" else gate_host.gate.rule(one, GateDecision.KILL)
    hold_ended = hear(gate_host, HoldEnded, one)
    assert (hold_ended.decision, hold_ended.unanswered) == (GateDecision.KILL, False)
    until(lambda: not gate_host.lives(one), "it died")
    assert not gate_host.ran(one)


def test_admitted_before_is_not_held(make_host: MakeHost) -> None:
    gate_host = make_host()
    one = gate_host.create()
    gate_host.gate.admit(one)
    gate_host.start(one)
    assert not hear(gate_host, CgroupCreated, one).held
    until(lambda: gate_host.ran(one), "it ran")
    assert not [message for message in gate_host.heard if isinstance(message, HoldEnded)]


def test_refused_before_dies_at_birth(make_host: MakeHost) -> None:
    gate_host = make_host()
    one = gate_host.create()
    gate_host.gate.refuse(one)
    gate_host.start(one)
    assert hear(gate_host, CgroupCreated, one).held
    assert hear(gate_host, HoldEnded, one).decision is GateDecision.KILL
    until(lambda: not gate_host.lives(one), "it died")
    assert not gate_host.ran(one)


def test_the_last_word_before_birth_counts(make_host: MakeHost) -> None:
    gate_host = make_host()
    one, other = gate_host.create(), gate_host.create()
    gate_host.gate.admit(one)
    gate_host.gate.refuse(one)
    gate_host.gate.refuse(other)
    gate_host.gate.admit(other)
    gate_host.start(one)
    gate_host.start(other)
    assert hear(gate_host, HoldEnded, one).decision is GateDecision.KILL
    assert not hear(gate_host, CgroupCreated, other).held


def test_forgotten_is_held_again(make_host: MakeHost) -> None:
    gate_host = make_host()
    one, other = gate_host.create(), gate_host.create()
    for each in (one, other):
        gate_host.gate.admit(each)
    gate_host.gate.forget(one)
    gate_host.start(one)
    assert hear(gate_host, CgroupCreated, one).held
    gate_host.gate.forget()
    gate_host.start(other)
    assert hear(gate_host, CgroupCreated, other).held


def test_the_first_answer_to_a_hold_counts(make_host: MakeHost) -> None:
    gate_host = make_host()
    one = started(gate_host)
    hear(gate_host, CgroupCreated, one)
    gate_host.gate.rule(one, GateDecision.KILL)
    gate_host.gate.rule(one, GateDecision.THAW)
    hear(gate_host, HoldEnded, one)
    until(lambda: not gate_host.lives(one), "it died")
    assert not gate_host.ran(one)
    assert [m.decision for m in gate_host.heard if isinstance(m, HoldEnded)] == [GateDecision.KILL]


def test_left_alone_stays_as_it_is(make_host: MakeHost) -> None:
    gate_host = make_host()
    one = started(gate_host)
    hear(gate_host, CgroupCreated, one)
    gate_host.gate.rule(one, GateDecision.LEAVE)
    assert hear(gate_host, HoldEnded, one).decision is GateDecision.LEAVE
    assert gate_host.lives(one) and not gate_host.ran(one)


@pytest.mark.parametrize("answer", [GateDecision.THAW, GateDecision.KILL])
def test_time_is_up(make_host: MakeHost, answer: GateDecision) -> None:
    gate_host = make_host(on_timeout=answer, hold_seconds=0.3)
    one = started(gate_host)
    hear(gate_host, CgroupCreated, one)
    gate_host.time_is_up(one)
    hold_ended = hear(gate_host, HoldEnded, one)
    assert (hold_ended.decision, hold_ended.unanswered) == (answer, True)
    until(lambda: gate_host.ran(one) or not gate_host.lives(one), "the answer was carried out")
    assert gate_host.ran(one) == (answer is GateDecision.THAW)


def test_close_answers_for_those_held(make_host: MakeHost) -> None:
    gate_host = make_host(on_timeout=GateDecision.KILL)
    one = started(gate_host)
    hear(gate_host, CgroupCreated, one)
    gate_host.gate.close()
    hold_ended = hear(gate_host, HoldEnded, one)
    assert (hold_ended.decision, hold_ended.unanswered) == (GateDecision.KILL, True)
    until(lambda: not gate_host.lives(one), "it died")
    assert not gate_host.ran(one)


def test_watching_only(make_host: MakeHost) -> None:
    gate_host = make_host(freeze=False)
    one = started(gate_host)
    created = hear(gate_host, CgroupCreated, one)
    assert not created.held and gate_host.gate.cgroup(one) == created.cgroup
    until(lambda: gate_host.ran(one), "it ran")


def test_cgroup_is_known_from_birth(make_host: MakeHost) -> None:
    gate_host = make_host()
    one = gate_host.create()
    assert gate_host.gate.cgroup(one) is None
    gate_host.start(one)
    created = hear(gate_host, CgroupCreated, one)
    assert gate_host.gate.cgroup(one) == created.cgroup


@pytest.mark.parametrize("decision", [GateDecision.THAW, GateDecision.KILL])
def test_no_ruling_is_lost_when_the_gate_dies(make_host: MakeHost, decision: GateDecision) -> None:
    gate_host = make_host()
    one = started(gate_host)
    assert hear(gate_host, CgroupCreated, one).held
    gate_host.lose_gate_while(lambda: gate_host.gate.rule(one, decision))
    assert not hear(gate_host, GateState, nth=2).working
    hold_ended = hear(gate_host, HoldEnded, one)
    assert (hold_ended.decision, hold_ended.unanswered) == (decision, False)
    assert hear(gate_host, GateState, nth=3).working
    until(lambda: gate_host.ran(one) or not gate_host.lives(one), "the decision was carried out")
    assert gate_host.ran(one) == (decision is GateDecision.THAW)


def test_held_when_the_gate_dies_is_reported_again(make_host: MakeHost) -> None:
    gate_host = make_host()
    one = started(gate_host)
    hear(gate_host, CgroupCreated, one)
    gate_host.lose_gate_while(lambda: None)
    assert hear(gate_host, CgroupCreated, one, nth=2).held
    assert hear(gate_host, GateState, nth=3).working
    assert gate_host.lives(one) and not gate_host.ran(one)
    gate_host.gate.rule(one, GateDecision.THAW)
    until(lambda: gate_host.ran(one), "it ran")


def test_new_orders_are_for_what_is_created_after_them(make_host: MakeHost) -> None:
    gate_host = make_host(freeze=False)
    before = started(gate_host)
    hear(gate_host, CgroupCreated, before)
    orders = GateOrders(True, 30.0, GateDecision.THAW, "deny")
    gate_host.gate.configure(orders)
    one = started(gate_host)
    assert hear(gate_host, CgroupCreated, one).held
    gate_host.gate.configure(replace(orders, freeze=False))
    two = started(gate_host)
    assert not hear(gate_host, CgroupCreated, two).held
    assert not gate_host.ran(one)
    gate_host.gate.rule(one, GateDecision.THAW)
    until(lambda: gate_host.ran(one), "it ran")


def test_new_orders_outlive_the_gates_process(make_host: MakeHost) -> None:
    gate_host = make_host(freeze=False)
    gate_host.gate.configure(GateOrders(True, 30.0, GateDecision.THAW, "deny"))
    gate_host.lose_gate_while(lambda: None)
    assert hear(gate_host, GateState, nth=3).working  # it stood, it fell, it stands
    assert hear(gate_host, CgroupCreated, started(gate_host)).held
