"""From the creation of a container's cgroup to its thaw or kill, on real cgroups of both kinds."""

from collections.abc import Callable

import pytest

from agent.ports import CgroupCreated, GateDecision
from tests.gate.cells import Cell, Cells
from tests.gate.guarded import Guarded
from tests.patience import until

Guard = Callable[..., Guarded]


def end(guarded: Guarded, cell: Cell) -> None:
    """The runtime removes the dead container's cgroup, and the gate forgets it."""
    cell.remove()
    until(lambda: guarded.gate.cgroup(cell.id) is None, "the gate forgot the cgroup")


def test_unjudged_is_held_and_runs_when_thawed(place: Cells, guard: Guard) -> None:
    guarded = guard()
    cell = place.cell()
    cell.appear()
    created = guarded.created(cell.id)
    assert created.held and created.cgroup == str(cell.cgroup) and not created.build_step
    until(lambda: place.freezer.is_populated(str(cell.cgroup)), "the process joined")
    assert not cell.ran
    guarded.gate.rule(cell.id, GateDecision.THAW)
    hold_ended = guarded.hold_ended(cell.id)
    assert (
        hold_ended.decision is GateDecision.THAW
        and not hold_ended.unanswered
        and hold_ended.held_ms > 0
    )
    until(lambda: cell.ran, "it ran")
    assert guarded.gate.cgroup(cell.id) == str(cell.cgroup)


def test_killed_before_it_ran(place: Cells, guard: Guard) -> None:
    guarded = guard()
    cell = place.cell()
    cell.appear()
    guarded.created(cell.id)
    guarded.gate.rule(cell.id, GateDecision.KILL)
    until(lambda: cell.dead, "it died")
    assert guarded.hold_ended(cell.id).decision is GateDecision.KILL
    end(guarded, cell)
    assert not cell.ran


def test_admitted_is_not_held(place: Cells, guard: Guard) -> None:
    guarded = guard()
    cell = place.cell()
    guarded.gate.admit(cell.id)
    cell.appear()
    assert not guarded.created(cell.id).held
    until(lambda: cell.ran, "it ran")


def test_admitted_while_held_is_thawed(place: Cells, guard: Guard) -> None:
    guarded = guard()
    cell = place.cell()
    cell.appear()
    assert guarded.created(cell.id).held
    guarded.gate.admit(cell.id)
    assert guarded.hold_ended(cell.id).decision is GateDecision.THAW
    until(lambda: cell.ran, "it ran")


def test_refused_is_killed_as_it_appears(place: Cells, guard: Guard) -> None:
    guarded = guard()
    cell = place.cell()
    guarded.gate.refuse(cell.id)
    cell.appear()
    assert guarded.created(cell.id).held
    hold_ended = guarded.hold_ended(cell.id)
    assert hold_ended.decision is GateDecision.KILL and not hold_ended.unanswered
    until(lambda: cell.dead, "it died")
    end(guarded, cell)
    assert not cell.ran


def test_late_joiner_of_a_refused_one_dies_too(place: Cells, guard: Guard) -> None:
    guarded = guard()
    cell = place.cell()
    guarded.gate.refuse(cell.id)
    cell.cgroup.mkdir()
    guarded.created(cell.id)
    assert place.frozen() == [str(cell.cgroup)]
    cell.join()
    guarded.hold_ended(cell.id)
    until(lambda: cell.dead, "it died")
    assert not cell.ran


def test_forgotten_is_held_again(place: Cells, guard: Guard) -> None:
    guarded = guard()
    one, other = place.cell(), place.cell()
    guarded.gate.admit(one.id)
    guarded.gate.admit(other.id)
    guarded.gate.forget(one.id)
    guarded.gate.forget()
    one.appear()
    other.appear()
    assert guarded.created(one.id).held
    assert guarded.created(other.id).held


@pytest.mark.parametrize("answer", [GateDecision.THAW, GateDecision.KILL])
def test_nobody_answers(place: Cells, guard: Guard, answer: GateDecision) -> None:
    guarded = guard(hold_seconds=0.2, on_timeout=answer)
    cell = place.cell()
    cell.appear()
    assert guarded.created(cell.id).held
    hold_ended = guarded.hold_ended(cell.id)
    assert hold_ended.unanswered and hold_ended.decision is answer and hold_ended.held_ms >= 200
    until(
        lambda: cell.ran if answer is GateDecision.THAW else cell.dead, "the answer was carried out"
    )
    assert cell.ran == (answer is GateDecision.THAW)


def test_two_hundred_at_once(place: Cells, guard: Guard) -> None:
    guarded = guard()
    # They appear within a blink, on a machine that may be busy; no engine starts 200 that fast.
    all_cells = [place.cell(f"pod{n % 7}", slow=True, wait_s=1.0) for n in range(200)]
    killed, thawed = all_cells[::2], all_cells[1::2]
    for cell in all_cells:
        cell.appear()
    held = {
        message.container_id
        for message in (guarded.await_(CgroupCreated, lambda b: b.held) for _ in all_cells)
    }
    assert held == {cell.id for cell in all_cells}
    assert not any(cell.ran for cell in all_cells)
    for cell in killed:
        guarded.gate.rule(cell.id, GateDecision.KILL)
    for cell in thawed:
        guarded.gate.rule(cell.id, GateDecision.THAW)
    until(lambda: all(cell.dead for cell in killed), "the refused died")
    until(lambda: all(cell.ran for cell in thawed), "the others ran")
    assert not any(cell.ran for cell in killed)
    assert not any(cell.dead for cell in thawed)


def test_watching_only_holds_nobody(place: Cells, guard: Guard) -> None:
    guarded = guard(freeze=False)
    cell, refused = place.cell(), place.cell()
    guarded.gate.refuse(refused.id)
    cell.appear()
    assert not guarded.created(cell.id).held
    refused.appear()
    assert not guarded.created(refused.id).held
    assert guarded.gate.cgroup(refused.id) == str(refused.cgroup)
    until(lambda: cell.ran and refused.ran, "both ran")


def test_restart_under_the_same_name_is_held_again(place: Cells, guard: Guard) -> None:
    guarded = guard()
    first = place.cell()
    for cell in (first, place.cell(container_id=first.id)):
        cell.appear()
        assert guarded.created(first.id).held
        guarded.gate.rule(first.id, GateDecision.KILL)
        guarded.hold_ended(first.id)
        end(guarded, cell)
    assert not first.ran
