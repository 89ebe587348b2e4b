"""Where the gate looks: everywhere below its roots, whatever happens there, and nowhere else."""

import errno
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.gate.cgroup_tree import Tree
from agent.gate.inotify import Inotify
from agent.ports import CgroupCreated, GateDecision, GateState
from tests.gate.cells import Cells
from tests.gate.guarded import Guarded
from tests.patience import until

Guard = Callable[..., Guarded]
STEP = "rh08j0gzv9vjzrd0w6vcqz2xb"


def test_at_any_depth_also_within_another_container(place: Cells, guard: Guard) -> None:
    guarded = guard()
    outer = place.cell("a/b/c")
    guarded.gate.admit(outer.id)
    outer.appear()
    assert not guarded.created(outer.id).held
    inner = place.cell(f"a/b/c/{outer.cgroup.name}/d")
    inner.appear()
    assert guarded.created(inner.id).held
    guarded.gate.rule(inner.id, GateDecision.KILL)
    guarded.hold_ended(inner.id)
    assert inner.dead and not inner.ran and not outer.dead


def test_other_engines_and_other_cgroups_are_not_touched(place: Cells, guard: Guard) -> None:
    guarded = guard()
    foreign = place.cell(known=False)
    foreign.appear()
    (place.base / "some.service").mkdir()
    own = place.cell()
    own.appear()
    guarded.created(own.id)
    until(lambda: foreign.ran, "the other engine's container ran")
    assert place.frozen() == [str(own.cgroup)]
    assert [m.container_id for m in guarded.messages if isinstance(m, CgroupCreated)] == [own.id]


def test_with_unknown_engine_root_the_name_suffices(place: Cells, guard: Guard) -> None:
    guarded = guard(engine_root="")
    cell = place.cell(known=False)
    cell.appear()
    assert guarded.created(cell.id).held


def test_what_lives_already_is_told_and_left_alone(place: Cells, guard: Guard) -> None:
    cell = place.cell("deep/er")
    cell.appear()
    until(lambda: cell.ran, "it ran")
    guarded = guard()
    creations = [m for m in guarded.messages if isinstance(m, CgroupCreated)]
    assert [(b.container_id, b.held, b.created_ns) for b in creations] == [(cell.id, False, 0)]
    assert guarded.gate.cgroup(cell.id) == str(cell.cgroup)
    assert place.frozen() == []


def test_outside_of_the_roots_nothing_is_seen(place: Cells, guard: Guard) -> None:
    guarded = guard(roots=[f"{place.root}/in", f"/{place.root}/later/still"])
    outside = [place.cell(), place.cell("inn"), place.cell("later")]
    inside = [place.cell("in"), place.cell("later/still/deeper")]
    for cell in outside + inside:
        cell.appear()
    creations = [
        guarded.await_(CgroupCreated, lambda _any: True) for _ in inside
    ]  # in either order
    assert {created.container_id for created in creations} == {cell.id for cell in inside}
    assert all(created.held for created in creations)
    until(lambda: all(cell.ran for cell in outside), "those outside ran")


@pytest.mark.parametrize("policy", ["deny", "report", "allow"])
def test_build_steps_by_their_own_policy(place: Cells, guard: Guard, policy: str) -> None:
    guarded = guard(build_steps=policy)
    steps = place.base / "buildkit"
    (steps / STEP).mkdir(parents=True)
    last = place.cell()
    last.appear()
    guarded.created(last.id)
    creations = [m for m in guarded.messages if isinstance(m, CgroupCreated) and m.build_step]
    assert [(b.container_id, b.held) for b in creations] == (
        [] if policy == "allow" else [(STEP, policy == "deny")]
    )
    assert (str(steps / STEP) in place.frozen()) == (policy == "deny")


def test_renamed_cgroup(place: Cells, guard: Guard) -> None:
    if place.version == "2":
        pytest.skip("cgroup v2 does not rename")
    guarded = guard()
    cell = place.cell("slice")
    (place.base / "slice").mkdir()
    cell.cgroup.with_name("hidden").mkdir()
    cell.cgroup.with_name("hidden").rename(cell.cgroup)
    assert guarded.created(cell.id).held
    cell.join()
    guarded.gate.rule(cell.id, GateDecision.KILL)
    guarded.hold_ended(cell.id)
    assert not cell.ran


def test_lost_events_are_made_good(place: Cells, guard: Guard) -> None:
    """While the gate sleeps, more happens than the kernel keeps events for."""
    guarded = guard()
    old, new, deep = place.cell(), place.cell(), place.cell("fresh/tree")
    guarded.gate.admit(old.id)
    old.appear()
    guarded.created(old.id)
    old.process.kill()
    assert guarded.gate.pid is not None
    os.kill(guarded.gate.pid, signal.SIGSTOP)
    old.remove()
    noise = place.base / "noise"
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    for _ in range(most // 2 + 10):
        noise.mkdir()
        noise.rmdir()
    new.appear()
    deep.appear()
    os.kill(guarded.gate.pid, signal.SIGCONT)
    creations = {guarded.await_(CgroupCreated, lambda b: b.held).container_id for _ in range(2)}
    assert creations == {new.id, deep.id}
    until(lambda: guarded.gate.cgroup(old.id) is None, "the removed one is forgotten")


def test_rulings_outlive_a_storm_of_cgroups(place: Cells, guard: Guard) -> None:
    """Directories that come and go at once neither confuse nor stop the gate."""
    guarded = guard()
    cell = place.cell("storm")
    (place.base / "storm").mkdir()
    for number in range(2000):
        passing = cell.cgroup if number % 3 else cell.cgroup.with_name(f"x{number % 5}")
        passing.mkdir()
        passing.rmdir()
    cell.appear()
    guarded.gate.refuse(cell.id)
    until(lambda: cell.dead, "it died")
    assert not cell.ran


class FewWatches(Inotify):
    """An inotify whose user has used up the kernel's watches."""

    left = 3

    def add(self, path: str) -> int:
        """The first few succeed."""
        if self.left <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.left -= 1
        return super().add(path)


def test_too_few_watches(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    inotify = FewWatches()
    seen: list[str] = []
    tree = Tree(inotify, str(tmp_path), ["/"], lambda path, _: seen.append(path), seen.remove)
    tree.start()
    (tmp_path / "a" / "c" / "d").mkdir(parents=True)
    tree.handle()
    assert tree.unwatched == {str(tmp_path / "a" / "c"), str(tmp_path / "a" / "c" / "d")}
    (tmp_path / "a" / "c" / "e").mkdir()
    inotify.left = 100
    tree.retry()
    assert tree.unwatched == set()
    assert {Path(path).name for path in seen} == {"a", "b", "c", "d", "e"}
    shutil.rmtree(tmp_path / "a")
    tree.handle()
    assert seen == []
    inotify.close()


def test_gate_that_cannot_watch_says_why(place: Cells) -> None:
    guarded = Guarded(place.settings, mount="/nonexistent")
    guarded.gate.start()
    try:
        state = guarded.await_(GateState, lambda state: not state.working)
        assert "/nonexistent" in state.reason
    finally:
        guarded.close()
