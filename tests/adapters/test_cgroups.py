"""What the kernel refuses ends nobody's day: the process adapter says so once and answers False.

Ordinary files stand for the kernel's (tests/gate/test_processes.py has real ones): opening a
directory to write fails with EISDIR even for root, as a read-only cgroup does with EROFS.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import log as log_module
from agent.adapters.cgroups import CgroupProcesses
from agent.log import Fields, Level, use
from tests.gate.fake_containers import new_id

NAME = new_id()


@pytest.fixture
def told() -> Iterator[list[str]]:
    """The warnings, by their events."""
    events: list[str] = []

    def keep(_level: Level, _logger: str, event: str, _fields: Fields) -> None:
        events.append(event)

    writer, level = log_module._process.writer, log_module._process.level
    use(keep, level=Level.WARNING)
    yield events
    use(writer, level=level)


def a_cgroup(tmp_path: Path, events: str = "populated 1\nfrozen 0\n") -> Path:
    """A populated container's cgroup that cannot be written."""
    cgroup = tmp_path / "docker" / NAME
    (cgroup / "cgroup.kill").mkdir(parents=True)
    (cgroup / "cgroup.events").write_text(events)
    return cgroup


@pytest.mark.parametrize("known", [True, False])
def test_a_cgroup_that_cannot_be_written_is_reported_once(
    tmp_path: Path, told: list[str], known: bool
) -> None:
    cgroup = a_cgroup(tmp_path)
    processes = CgroupProcesses("2", str(tmp_path), ["/docker"])
    for _ in range(3):
        assert not processes.kill(NAME, str(cgroup) if known else None)
    assert not processes.wait_empty(NAME, str(cgroup), 0.0)
    assert told == ["cgroup.not_killed"]


def test_a_cgroup_that_cannot_be_read_is_populated_until_it_is_gone(
    tmp_path: Path, told: list[str]
) -> None:
    cgroup = a_cgroup(tmp_path)
    (cgroup / "cgroup.events").unlink()
    (cgroup / "cgroup.events").mkdir()
    processes = CgroupProcesses("2", str(tmp_path), ["/docker"])
    assert not processes.kill(NAME, str(cgroup))
    assert not processes.wait_empty(NAME, str(cgroup), 0.0)
    shutil.rmtree(cgroup)
    assert processes.wait_empty(NAME, str(cgroup), 0.0)
    assert told == ["cgroup.not_killed"]


def test_another_reason_is_reported_too(tmp_path: Path, told: list[str]) -> None:
    cgroup = a_cgroup(tmp_path)
    processes = CgroupProcesses("2", str(tmp_path), ["/docker"])
    assert not processes.kill(NAME, str(cgroup))
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert not processes.kill(NAME, str(loop))
    assert told == ["cgroup.not_killed"] * 2


def test_a_tree_that_cannot_be_searched_proves_nobody_dead(tmp_path: Path, told: list[str]) -> None:
    (tmp_path / "docker").symlink_to(tmp_path / "docker")
    processes = CgroupProcesses("2", str(tmp_path), ["/docker"])
    assert not processes.kill(NAME, None)
    assert not processes.wait_empty(NAME, None, 0.0)
    assert told == ["cgroup.not_killed"]
