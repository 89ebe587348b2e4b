"""The deb on a booted Debian machine that it locks down, and what removing it gives back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.package import roots
from tests.package.conftest import SUITES
from tests.package.locked import IMAGE, MIRROR, NAMES, TABLES, LockedMachine, locked_machine

pytestmark = pytest.mark.package


@pytest.fixture(scope="module", params=SUITES)
def locked(request: pytest.FixtureRequest) -> Iterator[LockedMachine]:
    if why := roots.missing(request.param):
        pytest.skip(why)
    with locked_machine(request.param) as machine:
        yield machine


def test_it_locks_the_host_down(locked: LockedMachine, debs: dict[str, Path]) -> None:
    """Public registries can be reached before, and not once it enforces; the private one can."""
    for name in NAMES:
        done = locked.pull(f"{name}/{IMAGE}")
        assert done.returncode == 0, done.stderr
    locked.machine.install(debs["now"])
    locked.machine.enforce(TABLES)
    locked.machine.until(locked.in_place, "lockdown that is in place")
    assert locked.mirrors() == [f"{MIRROR}/"]
    assert "table inet dockwarden" in locked.machine.rules()
    for name in NAMES:
        done = locked.pull(f"{name}/{IMAGE}")
        assert done.returncode != 0
        assert "refused" in done.stderr
    done = locked.pull("short:1")
    assert done.returncode == 0, done.stderr


def test_removal_takes_the_lockdown_back(locked: LockedMachine) -> None:
    """`apt remove` while all of it is in place: file and firewall as they were, registries back."""
    assert locked.machine.path("/etc/docker/daemon.json").read_bytes() != locked.daemon_json
    done = locked.machine.inside("apt-get", "remove", "-y", "dockwarden")
    assert "not everything was put back" not in done.stderr
    assert locked.machine.path("/etc/docker/daemon.json").read_bytes() == locked.daemon_json
    assert locked.machine.rules() == locked.rules
    assert locked.mirrors() == []
    for name in NAMES:
        done = locked.pull(f"{name}/{IMAGE}")
        assert done.returncode == 0, done.stderr


def test_purge_leaves_etc_as_it_was(locked: LockedMachine) -> None:
    """Every byte of it."""
    locked.machine.inside("apt-get", "purge", "-y", "dockwarden")
    assert locked.machine.etc_differs(locked.etc) == ""
