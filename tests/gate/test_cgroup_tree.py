"""Where the gate looks: everywhere below its roots, whatever happens there, and nowhere else."""

import errno
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.helpers.gate.cgroup_tree import Tree
from agent.helpers.gate.inotify import Inotify
from agent.ports import CgroupCreated, GateDecision, GateState
from tests.gate.fake_containers import FakeContainers
from tests.gate.guarded import Guarded
from tests.patience import until

Guard = Callable[..., Guarded]
STEP = "rh08j0gzv9vjzrd0w6vcqz2xb"


def test_at_any_depth_also_within_another_container(place: FakeContainers, guard: Guard) -> None:
    guarded = guard()
    outer = place.container("a/b/c")
    guarded.gate.admit(outer.id)
    outer.appear()
    assert not guarded.created(outer.id).held
    inner = place.container(f"a/b/c/{outer.cgroup.name}/d")
    inner.appear()
    assert guarded.created(inner.id).held
    guarded.gate.rule(inner.id, GateDecision.KILL)
    guarded.hold_ended(inner.id)
    assert inner.dead and not inner.ran and not outer.dead


def test_other_engines_and_other_cgroups_are_not_touched(
    place: FakeContainers, guard: Guard
) -> None:
    guarded = guard()
    foreign = place.container(known=False)
    foreign.appear()
    (place.base / "some.service").mkdir()
    own = place.container()
    own.appear()
    guarded.created(own.id)
    until(lambda: foreign.ran, "the other engine's container ran")
    assert place.frozen() == [str(own.cgroup)]
    assert [m.container_id for m in guarded.messages if isinstance(m, CgroupCreated)] == [own.id]


def test_with_unknown_engine_root_the_name_suffices(place: FakeContainers, guard: Guard) -> None:
    guarded = guard(engine_root="")
    container = place.container(known=False)
    container.appear()
    assert guarded.created(container.id).held


def test_what_lives_already_is_reported_and_left_alone(place: FakeContainers, guard: Guard) -> None:
    container = place.container("deep/er")
    container.appear()
    until(lambda: container.ran, "it ran")
    guarded = guard()
    creations = [m for m in guarded.messages if isinstance(m, CgroupCreated)]
    assert [(b.container_id, b.held, b.created_ns) for b in creations] == [(container.id, False, 0)]
    assert guarded.gate.cgroup(container.id) == str(container.cgroup)
    assert place.frozen() == []


def test_outside_of_the_roots_nothing_is_seen(place: FakeContainers, guard: Guard) -> None:
    guarded = guard(roots=[f"{place.root}/in", f"/{place.root}/later/still"])
    outside = [place.container(), place.container("inn"), place.container("later")]
    inside = [place.container("in"), place.container("later/still/deeper")]
    for container in outside + inside:
        container.appear()
    creations = [
        guarded.await_(CgroupCreated, lambda _any: True) for _ in inside
    ]  # in either order
    assert {created.container_id for created in creations} == {container.id for container in inside}
    assert all(created.held for created in creations)
    until(lambda: all(container.ran for container in outside), "those outside ran")


@pytest.mark.parametrize("policy", ["deny", "report", "allow"])
def test_build_steps_by_their_own_policy(place: FakeContainers, guard: Guard, policy: str) -> None:
    guarded = guard(build_steps=policy)
    steps = place.base / "buildkit"
    (steps / STEP).mkdir(parents=True)
    last = place.container()
    last.appear()
    guarded.created(last.id)
    creations = [m for m in guarded.messages if isinstance(m, CgroupCreated) and m.build_step]
    assert [(b.container_id, b.held) for b in creations] == (
        [] if policy == "allow" else [(STEP, policy == "deny")]
    )
    assert (str(steps / STEP) in place.frozen()) == (policy == "deny")


def test_renamed_cgroup(place: FakeContainers, guard: Guard) -> None:
    if place.version == "2":
        pytest.skip("cgroup v2 does not rename")
    guarded = guard()
    container = place.container("slice")
    (place.base / "slice").mkdir()
    container.cgroup.with_name("hidden").mkdir()
    container.cgroup.with_name("hidden").rename(container.cgroup)
    assert guarded.created(container.id).held
    container.join()
    guarded.gate.rule(container.id, GateDecision.KILL)
    guarded.hold_ended(container.id)
    assert not container.ran


def test_lost_events_are_made_good(place: FakeContainers, guard: Guard) -> None:
    """While the gate sleeps, more happens than the kernel keeps events for."""
    guarded = guard()
    old, new, deep = place.container(), place.container(), place.container("fresh/tree")
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


def test_rulings_outlive_a_storm_of_cgroups(place: FakeContainers, guard: Guard) -> None:
    """Directories that come and go at once neither confuse nor stop the gate."""
    guarded = guard()
    container = place.container("storm")
    (place.base / "storm").mkdir()
    for number in range(2000):
        passing = container.cgroup if number % 3 else container.cgroup.with_name(f"x{number % 5}")
        passing.mkdir()
        passing.rmdir()
    container.appear()
    guarded.gate.refuse(container.id)
    until(lambda: container.dead, "it died")
    assert not container.ran


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


def test_gate_that_cannot_watch_says_why(place: FakeContainers) -> None:
    guarded = Guarded(place.settings, mount="/nonexistent")
    guarded.gate.start()
    try:
        state = guarded.await_(GateState, lambda state: not state.working)
        assert "/nonexistent" in state.reason
    finally:
        guarded.close()
