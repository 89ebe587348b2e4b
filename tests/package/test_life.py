"""The deb on booted Debian machines, from installation to purge; the tests build on each other.

The engine is Debian's own: systemd cgroup driver, cgroup v2. The gate watches all of `/`.
"""

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.agent import deny
from tests.lab.built import BuiltImage
from tests.package.guarded import GuardedMachine

NeverRan = Callable[..., None]

AGENT_MOST, COLLECTOR_MOST = 2.5, 1.5  # systemd-analyze security

pytestmark = pytest.mark.package


@pytest.fixture(scope="module")
def before(machine: GuardedMachine) -> Path:
    """A copy of /etc from before the package."""
    copy = machine.work / "etc-before"
    subprocess.run(["cp", "-a", machine.path("/etc"), copy], check=True)
    return copy


def test_installation_changes_nothing_and_starts_nothing(
    machine: GuardedMachine, before: Path, debs: dict[str, Path], bad: BuiltImage
) -> None:
    """Observing does not either: what is not approved runs, and the engine keeps its settings."""
    assert before.is_dir()
    walls, info = machine.rules(), machine.docker("info", "-f", "{{json .RegistryConfig}}").stdout
    driver = machine.docker("info", "-f", "{{.CgroupDriver}} {{.CgroupVersion}}").stdout.split()
    assert driver == ["systemd", "2"]
    machine.install(debs["now"])
    assert not machine.active()
    machine.inside("systemctl", "start", "dockwarden")
    assert machine.status()["mode"] == "observe"
    machine.until(machine.guards, "a gate that works")
    machine.start(bad).wait()
    assert machine.rules() == walls
    assert machine.docker("info", "-f", "{{json .RegistryConfig}}").stdout == info
    assert "/dockwarden/" in machine.etc_differs(before)
    assert not machine.path("/etc/docker/daemon.json").exists()
    machine.remove_containers()


def test_the_units_are_confined(machine: GuardedMachine) -> None:
    """The figure that systemd gives, printed for the record."""
    machine.inside("systemctl", "is-active", "dockwarden")
    done = machine.inside("systemd-analyze", "security", "--no-pager", "dockwarden.service")
    line = done.stdout.strip().splitlines()[-1]
    print(f"{machine.suite}: {line}")
    assert float(line.split(": ")[1].split()[0]) <= AGENT_MOST


def test_no_unapproved_image_runs_and_every_approved_one_does(
    machine: GuardedMachine, good: BuiltImage, bad: BuiltImage, starts: int, never_ran: NeverRan
) -> None:
    """Enforcing, with the gate at `/`."""
    machine.allow(good)
    machine.enforce()
    ran = 0
    for _ in range(starts):
        machine.start(good).wait_alive()
        ran += 1
        machine.remove_containers()  # a hundred probes at once would leave no core for the agent
    print(f"{machine.suite}: {ran} of {starts} approved starts ran")
    never_ran(machine, bad, starts)
    print(f"{machine.suite}: 0 of {starts} unapproved starts ran")
    machine.remove_containers()


@pytest.mark.parametrize(
    "event",
    [
        ("systemctl", "restart", "dockwarden"),
        ("systemctl", "kill", "--signal=KILL", "dockwarden"),
        ("systemctl", "restart", "docker"),
    ],
    ids=["restart", "kill", "engine"],
)
def test_it_guards_again_after(
    machine: GuardedMachine, event: tuple[str, ...], bad: BuiltImage, never_ran: NeverRan
) -> None:
    """Whatever was restarted or killed."""
    pid = machine.pid()
    machine.inside(*event)
    if "dockwarden" in event:
        machine.until(lambda: machine.pid() not in {pid, "0"}, "another process")
    machine.until(machine.guards, "a gate that works")
    never_ran(machine, bad, 2)


def test_after_a_reboot_nothing_revoked_runs(
    machine: GuardedMachine, good: BuiltImage, bad: BuiltImage
) -> None:
    """What the engine restarts at boot meets the gate: the agent is ready before the engine."""
    machine.allow(good, bad)
    always = [machine.start(bad, "--restart", "always") for _ in range(2)]
    approved = machine.start(good, "--restart", "always")
    for probe in (*always, approved):
        probe.wait()
    # The agent must not see the revocation before the machine is down, or it would kill them.
    machine.inside("systemctl", "kill", "--signal=STOP", "dockwarden")
    machine.allow_unseen(good, denies=[deny(bad, revoked=True)])
    machine.shut_down(at_once=True)
    for probe in always:
        (machine.work / "root/srv/probes" / probe.file.name).unlink()
    machine.reboot()
    machine.until(machine.guards, "a gate that works")
    approved = machine.refresh(approved)
    approved.wait_alive()
    assert [probe.file.name for probe in map(machine.refresh, always) if probe.ran] == []
    machine.remove_containers()


def test_an_upgrade_under_load_lets_nothing_run(
    machine: GuardedMachine, debs: dict[str, Path], good: BuiltImage, bad: BuiltImage
) -> None:
    """From one version to the next while unapproved images are started without a pause."""
    machine.allow(good)
    stop, probes = threading.Event(), []

    def load() -> None:
        while not stop.is_set():
            probes.append(machine.start(bad, once=True))

    thread = threading.Thread(target=load)
    thread.start()
    try:
        machine.install(debs["next"])
        machine.until(machine.guards, "a gate that works")
    finally:
        stop.set()
        thread.join()
    print(f"{machine.suite}: {len(probes)} starts during the upgrade")
    assert [probe.file.name for probe in probes if probe.ran] == []


def test_removal_gives_the_host_back(machine: GuardedMachine, before: Path) -> None:
    """Purged, /etc is byte for byte what it was, and nothing of the package is left."""
    machine.inside("apt-get", "remove", "-y", "dockwarden")
    assert machine.path("/etc/dockwarden/agent.toml").exists()
    assert "dockwarden" not in machine.rules()
    machine.inside("apt-get", "purge", "-y", "dockwarden")
    assert machine.etc_differs(before) == ""
    for folder in ("/usr/lib", "/var/lib", "/var/cache", "/var/log", "/run"):
        assert not (machine.path(folder) / "dockwarden").exists(), folder
