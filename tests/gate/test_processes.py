"""The third net: killing a container past the engine."""

import subprocess

from agent.adapters.cgroups import CgroupProcesses
from agent.gate.hierarchy import pids
from tests.gate.cells import Cell, Cells, new_id
from tests.patience import PATIENCE, until


def third_net(place: Cells) -> CgroupProcesses:
    return CgroupProcesses(place.version, place.mount, [place.root])


def running(place: Cells, under: str = "") -> Cell:
    cell = place.cell(under)
    cell.appear()
    until(lambda: cell.ran, "it ran")
    return cell


def test_known_cgroup(place: Cells) -> None:
    net, cell, other = third_net(place), running(place), running(place)
    assert net.kill(cell.id, str(cell.cgroup))
    assert net.wait_empty(cell.id, str(cell.cgroup), PATIENCE)
    assert cell.process.wait(PATIENCE) == -9
    assert not net.kill(cell.id, str(cell.cgroup))
    assert not other.dead


def test_searched_by_name(place: Cells) -> None:
    net, cell = third_net(place), running(place, "some/where")
    assert net.kill(cell.id, None)
    assert net.wait_empty(cell.id, None, PATIENCE)
    assert cell.process.wait(PATIENCE) == -9


def test_with_all_below_it(place: Cells) -> None:
    net, cell = third_net(place), running(place)
    inner = running(place, f"{cell.cgroup.name}/init.scope")
    assert net.kill(cell.id, str(cell.cgroup))
    assert net.wait_empty(cell.id, str(cell.cgroup), PATIENCE)
    assert cell.process.wait(PATIENCE) == inner.process.wait(PATIENCE) == -9


def test_paused_dies_too(place: Cells) -> None:
    net, cell = third_net(place), running(place)
    inner = running(place, f"{cell.cgroup.name}/sub")
    place.freezer.freeze(str(inner.cgroup))
    place.freezer.freeze(str(cell.cgroup))
    assert net.kill(cell.id, str(cell.cgroup))
    assert net.wait_empty(cell.id, str(cell.cgroup), PATIENCE)
    assert cell.process.wait(PATIENCE) == inner.process.wait(PATIENCE) == -9


def test_that_forks_all_the_time(place: Cells) -> None:
    net, cell = third_net(place), place.cell()
    script = f"echo $$ > {cell.cgroup}/cgroup.procs; while :; do /bin/sleep 0.01 & done"
    cell.cgroup.mkdir()
    with subprocess.Popen(["/bin/sh", "-c", script]) as busy:
        until(lambda: len(pids(str(cell.cgroup))) > 5, "it forks")
        assert net.kill(cell.id, str(cell.cgroup))
        assert net.wait_empty(cell.id, str(cell.cgroup), PATIENCE)
        assert busy.wait(PATIENCE) == -9


def test_alive_until_the_time_is_up(place: Cells) -> None:
    cell = running(place)
    assert not third_net(place).wait_empty(cell.id, str(cell.cgroup), 0.05)


def test_gone(place: Cells) -> None:
    net = third_net(place)
    for cgroup in (None, str(place.base / new_id())):
        assert not net.kill(new_id(), cgroup)
        assert net.wait_empty(new_id(), cgroup, 1)
