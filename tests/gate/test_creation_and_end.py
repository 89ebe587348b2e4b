"""From the creation of a container's cgroup to its thaw or kill, on real cgroups of both kinds."""

from collections.abc import Callable

import pytest

from agent.ports import CgroupCreated, GateDecision
from tests.gate.fake_containers import FakeContainer, FakeContainers
from tests.gate.guarded import Guarded
from tests.patience import until

Guard = Callable[..., Guarded]


def end(guarded: Guarded, container: FakeContainer) -> None:
    """The runtime removes the dead container's cgroup, and the gate forgets it."""
    container.remove()
    until(lambda: guarded.gate.cgroup(container.id) is None, "the gate forgot the cgroup")


def test_unevaluated_is_held_and_runs_when_thawed(place: FakeContainers, guard: Guard) -> None:
    guarded = guard()
    container = place.container()
    container.appear()
    created = guarded.created(container.id)
    assert created.held and created.cgroup == str(container.cgroup) and not created.build_step
    until(lambda: place.freezer.is_populated(str(container.cgroup)), "the process joined")
    assert not container.ran
    guarded.gate.rule(container.id, GateDecision.THAW)
    hold_ended = guarded.hold_ended(container.id)
    assert (
        hold_ended.decision is GateDecision.THAW
        and not hold_ended.unanswered
        and hold_ended.held_ms > 0
    )
    until(lambda: container.ran, "it ran")
    assert guarded.gate.cgroup(container.id) == str(container.cgroup)


def test_killed_before_it_ran(place: FakeContainers, guard: Guard) -> None:
    guarded = guard()
    container = place.container()
    container.appear()
    guarded.created(container.id)
    guarded.gate.rule(container.id, GateDecision.KILL)
    until(lambda: container.dead, "it died")
    assert guarded.hold_ended(container.id).decision is GateDecision.KILL
    end(guarded, container)
    assert not container.ran


def test_admitted_is_not_held(place: FakeContainers, guard: Guard) -> None:
    guarded = guard()
    container = place.container()
    guarded.gate.admit(container.id)
    container.appear()
    assert not guarded.created(container.id).held
    until(lambda: container.ran, "it ran")


def test_admitted_while_held_is_thawed(place: FakeContainers, guard: Guard) -> None:
    guarded = guard()
    container = place.container()
    container.appear()
    assert guarded.created(container.id).held
    guarded.gate.admit(container.id)
    assert guarded.hold_ended(container.id).decision is GateDecision.THAW
    until(lambda: container.ran, "it ran")


def test_refused_is_killed_as_it_appears(place: FakeContainers, guard: Guard) -> None:
    guarded = guard()
    container = place.container()
    guarded.gate.refuse(container.id)
    container.appear()
    assert guarded.created(container.id).held
    hold_ended = guarded.hold_ended(container.id)
    assert hold_ended.decision is GateDecision.KILL and not hold_ended.unanswered
    until(lambda: container.dead, "it died")
    end(guarded, container)
    assert not container.ran


def test_late_joiner_of_a_refused_one_dies_too(place: FakeContainers, guard: Guard) -> None:
    guarded = guard()
    container = place.container()
    guarded.gate.refuse(container.id)
    container.cgroup.mkdir()
    guarded.created(container.id)
    assert place.frozen() == [str(container.cgroup)]
    container.join()
    guarded.hold_ended(container.id)
    until(lambda: container.dead, "it died")
    assert not container.ran


def test_forgotten_is_held_again(place: FakeContainers, guard: Guard) -> None:
    guarded = guard()
    one, other = place.container(), place.container()
    guarded.gate.admit(one.id)
    guarded.gate.admit(other.id)
    guarded.gate.forget(one.id)
    guarded.gate.forget()
    one.appear()
    other.appear()
    assert guarded.created(one.id).held
    assert guarded.created(other.id).held


@pytest.mark.parametrize("answer", [GateDecision.THAW, GateDecision.KILL])
def test_nobody_answers(place: FakeContainers, guard: Guard, answer: GateDecision) -> None:
    guarded = guard(hold_seconds=0.2, on_timeout=answer)
    container = place.container()
    container.appear()
    assert guarded.created(container.id).held
    hold_ended = guarded.hold_ended(container.id)
    assert hold_ended.unanswered and hold_ended.decision is answer and hold_ended.held_ms >= 200
    until(
        lambda: container.ran if answer is GateDecision.THAW else container.dead,
        "the answer was carried out",
    )
    assert container.ran == (answer is GateDecision.THAW)


def test_two_hundred_at_once(place: FakeContainers, guard: Guard) -> None:
    guarded = guard()
    # They appear within a blink, on a machine that may be busy; no engine starts 200 that fast.
    all_containers = [place.container(f"pod{n % 7}", slow=True, wait_s=1.0) for n in range(200)]
    killed, thawed = all_containers[::2], all_containers[1::2]
    for container in all_containers:
        container.appear()
    held = {
        message.container_id
        for message in (guarded.await_(CgroupCreated, lambda b: b.held) for _ in all_containers)
    }
    assert held == {container.id for container in all_containers}
    assert not any(container.ran for container in all_containers)
    for container in killed:
        guarded.gate.rule(container.id, GateDecision.KILL)
    for container in thawed:
        guarded.gate.rule(container.id, GateDecision.THAW)
    until(lambda: all(container.dead for container in killed), "the refused died")
    until(lambda: all(container.ran for container in thawed), "the others ran")
    assert not any(container.ran for container in killed)
    assert not any(container.dead for container in thawed)


def test_watching_only_holds_nobody(place: FakeContainers, guard: Guard) -> None:
    guarded = guard(freeze=False)
    container, refused = place.container(), place.container()
    guarded.gate.refuse(refused.id)
    container.appear()
    assert not guarded.created(container.id).held
    refused.appear()
    assert not guarded.created(refused.id).held
    assert guarded.gate.cgroup(refused.id) == str(refused.cgroup)
    until(lambda: container.ran and refused.ran, "both ran")


def test_restart_under_the_same_name_is_held_again(place: FakeContainers, guard: Guard) -> None:
    guarded = guard()
    first = place.container()
    for container in (first, place.container(container_id=first.id)):
        container.appear()
        assert guarded.created(first.id).held
        guarded.gate.rule(first.id, GateDecision.KILL)
        guarded.hold_ended(first.id)
        end(guarded, container)
    assert not first.ran
