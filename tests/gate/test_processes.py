"""The process adapter: killing a container past the engine."""

import subprocess

from agent.adapters.cgroups import CgroupProcesses
from agent.helpers.gate.hierarchy import pids
from tests.gate.fake_containers import FakeContainer, FakeContainers, new_id
from tests.patience import PATIENCE, until


def third_net(place: FakeContainers) -> CgroupProcesses:
    return CgroupProcesses(place.version, place.mount, [place.root])


def running(place: FakeContainers, under: str = "") -> FakeContainer:
    container = place.container(under)
    container.appear()
    until(lambda: container.ran, "it ran")
    return container


def test_known_cgroup(place: FakeContainers) -> None:
    processes, container, other = third_net(place), running(place), running(place)
    assert processes.kill(container.id, str(container.cgroup))
    assert processes.wait_empty(container.id, str(container.cgroup), PATIENCE)
    assert container.process.wait(PATIENCE) == -9
    assert not processes.kill(container.id, str(container.cgroup))
    assert not other.dead


def test_searched_by_name(place: FakeContainers) -> None:
    processes, container = third_net(place), running(place, "some/where")
    assert processes.kill(container.id, None)
    assert processes.wait_empty(container.id, None, PATIENCE)
    assert container.process.wait(PATIENCE) == -9


def test_with_all_below_it(place: FakeContainers) -> None:
    processes, container = third_net(place), running(place)
    inner = running(place, f"{container.cgroup.name}/init.scope")
    assert processes.kill(container.id, str(container.cgroup))
    assert processes.wait_empty(container.id, str(container.cgroup), PATIENCE)
    assert container.process.wait(PATIENCE) == inner.process.wait(PATIENCE) == -9


def test_paused_dies_too(place: FakeContainers) -> None:
    processes, container = third_net(place), running(place)
    inner = running(place, f"{container.cgroup.name}/sub")
    place.freezer.freeze(str(inner.cgroup))
    place.freezer.freeze(str(container.cgroup))
    assert processes.kill(container.id, str(container.cgroup))
    assert processes.wait_empty(container.id, str(container.cgroup), PATIENCE)
    assert container.process.wait(PATIENCE) == inner.process.wait(PATIENCE) == -9


def test_that_forks_all_the_time(place: FakeContainers) -> None:
    processes, container = third_net(place), place.container()
    script = f"echo $$ > {container.cgroup}/cgroup.procs; while :; do /bin/sleep 0.01 & done"
    container.cgroup.mkdir()
    with subprocess.Popen(["/bin/sh", "-c", script]) as busy:
        until(lambda: len(pids(str(container.cgroup))) > 5, "it forks")
        assert processes.kill(container.id, str(container.cgroup))
        assert processes.wait_empty(container.id, str(container.cgroup), PATIENCE)
        assert busy.wait(PATIENCE) == -9


def test_alive_until_the_time_is_up(place: FakeContainers) -> None:
    container = running(place)
    assert not third_net(place).wait_empty(container.id, str(container.cgroup), 0.05)


def test_gone(place: FakeContainers) -> None:
    processes = third_net(place)
    for cgroup in (None, str(place.base / new_id())):
        assert not processes.kill(new_id(), cgroup)
        assert processes.wait_empty(new_id(), cgroup, 1)
