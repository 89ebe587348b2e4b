"""Upgrades that fail, and downgrades, on a booted Debian machine that enforces."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from builder.description import version
from tests.lab.built import BuiltImage
from tests.lab.probe import Probe
from tests.package.guarded import GuardedMachine

pytestmark = pytest.mark.package

STATE = "/var/lib/dockwarden/state-format"


@pytest.fixture(scope="module")
def guarded(machine: GuardedMachine, debs: dict[str, Path], good: BuiltImage) -> GuardedMachine:
    """With the version of now, which enforces."""
    machine.install(debs["now"])
    machine.allow(good)
    machine.enforce()
    return machine


@contextmanager
def starts_of(machine: GuardedMachine, image: BuiltImage) -> Iterator[list[Probe]]:
    """Start it again and again meanwhile; none may have run at the end."""
    stop, probes = threading.Event(), list[Probe]()

    def load() -> None:
        while not stop.is_set():
            probes.append(machine.start(image, once=True))

    thread = threading.Thread(target=load)
    thread.start()
    try:
        yield probes
        machine.until(machine.guards, "a gate that works")
    finally:
        stop.set()
        thread.join()
    print(f"{machine.suite}: {len(probes)} starts meanwhile")
    assert [probe.file.name for probe in probes if probe.ran] == []


def state_of(machine: GuardedMachine) -> str:
    """What dpkg says of the package, and its version."""
    wanted = "${Status} ${Version}"
    return machine.inside("dpkg-query", "-W", "-f", wanted, "dockwarden").stdout


def program(machine: GuardedMachine) -> str:
    """The version of the files that are there."""
    return machine.inside("dockwarden", "version").stdout.split()[-1]


@pytest.mark.parametrize("fault", ["crashes", "hangs"])
def test_a_version_that_does_not_become_ready_is_taken_back(
    guarded: GuardedMachine, debs: dict[str, Path], bad: BuiltImage, fault: str
) -> None:
    """The old files are there again and enforce; meanwhile nothing unapproved ran."""
    pid = guarded.pid()
    with starts_of(guarded, bad):
        done = guarded.install(debs[fault], check=False)
    assert done.returncode != 0
    words = done.stdout + done.stderr
    assert f"did not become ready. dockwarden {version()} was put back and runs" in words
    assert guarded.pid() not in {pid, "0"}
    assert program(guarded) == version()
    assert "half-configured" in state_of(guarded)
    unit = guarded.path("/usr/lib/systemd/system/dockwarden.service").read_text()
    assert "TimeoutStartSec=60" in unit


def test_what_was_taken_back_is_not_called_installed(
    guarded: GuardedMachine, debs: dict[str, Path]
) -> None:
    """Not by a second try either; installing the version that is there puts all in order."""
    again = guarded.inside("dpkg", "--configure", "-a", check=False)
    assert again.returncode != 0
    assert f"dockwarden {version()} was put back" in again.stderr
    assert guarded.guards()
    guarded.install(debs["now"])
    guarded.until(guarded.guards, "a gate that works")
    assert state_of(guarded) == f"install ok installed {version()}-1"
    verified = guarded.inside("dpkg", "--verify", "dockwarden", check=False).stdout
    changed = [line for line in verified.splitlines() if "/usr/share/" not in line]  # left out here
    assert [line.split()[-1] for line in changed] == ["/etc/dockwarden/agent.toml"]
    assert not guarded.path("/usr/lib/dockwarden.old").exists()


def test_a_version_that_refuses_the_configuration_is_taken_back(
    guarded: GuardedMachine, debs: dict[str, Path], bad: BuiltImage
) -> None:
    """The agent is not even restarted."""
    pid = guarded.pid()
    with starts_of(guarded, bad):
        done = guarded.install(debs["refuses"], check=False)
    assert done.returncode != 0
    words = done.stdout + done.stderr
    assert "not yours" in words
    assert f"refuses this host's configuration. dockwarden {version()} was put back" in words
    assert (guarded.pid(), program(guarded)) == (pid, version())
    guarded.install(debs["now"])


def test_an_older_version_is_refused_when_the_state_is_newer(
    guarded: GuardedMachine, debs: dict[str, Path]
) -> None:
    """Before a file is touched, and with the way out."""
    guarded.install(debs["new state"])
    guarded.until(guarded.guards, "a gate that works")
    assert guarded.path(STATE).read_text() == "2 99.1.0\n"
    pid = guarded.pid()
    done = guarded.install(debs["now"], check=False)
    assert done.returncode != 0
    words = done.stdout + done.stderr
    assert "was written by version 99.1.0" in words
    assert "mv /var/lib/dockwarden /var/lib/dockwarden.newer" in words
    assert state_of(guarded) == "install ok installed 99.1.0-1"
    assert (guarded.pid(), program(guarded)) == (pid, "99.1.0")
    assert not guarded.path("/usr/lib/dockwarden.old").exists()
    assert guarded.guards()


def test_the_agent_itself_refuses_newer_state(guarded: GuardedMachine) -> None:
    """However it came to be there."""
    before = guarded.path(STATE).read_text()
    guarded.path(STATE).write_text("3 100.0.0\n")
    done = guarded.inside("systemctl", "restart", "dockwarden", check=False)
    assert done.returncode != 0
    said = guarded.inside("journalctl", "-u", "dockwarden", "-n", "20", "-o", "cat").stdout
    assert "was written by dockwarden 100.0.0" in said
    guarded.path(STATE).write_text(before)
    guarded.inside("systemctl", "restart", "dockwarden")
    guarded.until(guarded.guards, "a gate that works")


def test_the_way_out_leads_to_the_older_version(
    guarded: GuardedMachine, debs: dict[str, Path], bad: BuiltImage
) -> None:
    """As the message words it."""
    guarded.inside(
        *("sh", "-ec", "systemctl stop dockwarden; dockwarden restore"),
    )
    guarded.inside("mv", "/var/lib/dockwarden", "/var/lib/dockwarden.newer")
    guarded.install(debs["now"])
    guarded.inside("systemctl", "start", "dockwarden")
    guarded.until(guarded.guards, "a gate that works")
    assert guarded.path(STATE).read_text() == f"1 {version()}\n"
    assert not guarded.start(bad).ran
