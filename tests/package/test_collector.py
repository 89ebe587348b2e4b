"""Collector and agent from their packages on one booted machine, with every layer switched on."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.package import roots
from tests.package.conftest import SUITES
from tests.package.guarded import GuardedMachine
from tests.package.locked import TABLES, LockedMachine, locked_machine

pytestmark = pytest.mark.package

URL = "http://127.0.0.1:8484"
STATE = "/var/lib/dockwarden-collector"
EXPOSURE_MOST = 1.5  # systemd-analyze security
MEMORY_MOST = 60.0  # MiB of PSS, all layers on
SLICE = Path("/sys/fs/cgroup/dockwarden.slice")


@pytest.fixture(scope="module", params=SUITES)
def full(request: pytest.FixtureRequest, programs: Path) -> Iterator[LockedMachine]:
    if why := roots.missing(request.param):
        pytest.skip(why)
    with locked_machine(request.param) as locked:
        for deb in programs.glob("dockwarden-collector_*.deb"):
            locked.machine.install(deb)
        yield locked


def owners(machine: GuardedMachine, folder: str) -> set[str]:
    """Who owns what lies there."""
    return set(machine.inside("find", folder, "-printf", "%u:%g\n").stdout.split())


def test_the_collector_starts_confined(full: LockedMachine) -> None:
    """Installing starts nothing; the unit that is started is as confined as promised."""
    inside = full.machine.inside
    assert inside("systemctl", "is-active", "dockwarden-collector", check=False).returncode != 0
    inside("systemctl", "enable", "--now", "dockwarden-collector")
    said = inside("systemd-analyze", "security", "--no-pager", "dockwarden-collector.service")
    line = said.stdout.strip().splitlines()[-1]
    print(f"{full.machine.suite}: {line}")
    assert float(line.split(": ")[1].split()[0]) <= EXPOSURE_MOST
    written = inside("stat", "-c", "%U:%G %a", "/etc/dockwarden/collector.toml").stdout.strip()
    assert written == "root:dockwarden-collector 640"


def test_root_s_commands_run_as_the_service_s_user(full: LockedMachine) -> None:
    """What root calls writes nothing that the service could not write later."""
    machine = full.machine
    machine.inside("dockwarden-collector", "check")
    secret = machine.inside("dockwarden-collector", "enrolment", "new", "--note", "one").stdout
    assert secret.startswith("dwe_")
    assert owners(machine, STATE) == {"dockwarden-collector:dockwarden-collector"}
    cached = owners(machine, "/var/cache/dockwarden-collector")
    assert cached == {"dockwarden-collector:dockwarden-collector"}
    machine.path("/root/secret").write_text(secret)


def test_the_selftest_s_report_is_delivered(full: LockedMachine, debs: dict[str, Path]) -> None:
    """Gate, lockdown and collector at once: each is proven, by hand and by the confined unit."""
    machine = full.machine
    begun = time.monotonic()
    machine.install(debs["now"])
    machine.allow_unseen()
    installed = time.monotonic()
    machine.path("/etc/dockwarden/agent.toml").write_text(f'[collector]\nurl = "{URL}"\n')
    machine.inside("dockwarden", "enrol", "--secret-file", "/root/secret")
    enrolled = time.monotonic()
    machine.enforce(f'{TABLES}\n[collector]\nurl = "{URL}"\n')
    machine.until(full.in_place, "lockdown that is in place")
    took = time.monotonic() - enrolled + installed - begun
    print(f"{machine.suite}: {took:.1f} s from apt install to a locked, enforcing host")
    done = machine.inside("dockwarden", "selftest", "-o", "json", check=False)
    checks = {check["check"]: check for check in json.loads(done.stdout)["checks"]}
    assert {check["state"] for check in checks.values()} == {"ok"}, checks
    assert {"mirror", "egress", "unlisted image", "finding", "report"} <= checks.keys()
    assert done.returncode == 0
    machine.inside("systemctl", "start", "dockwarden-selftest.service")
    shown = machine.inside("dockwarden-collector", "violations", "--json").stdout
    assert shown.count("dockwarden-selftest-") >= 2, shown


def test_the_idle_agent_is_light(full: LockedMachine, request: pytest.FixtureRequest) -> None:
    """The figures for the guide, with all layers on: memory of each process, then CPU over ten
    minutes (half of one without --slow), ended processes included."""
    machine = full.machine
    seconds = 600.0 if request.config.getoption("--slow") else 30.0
    machine.until(full.in_place, "lockdown that is in place")
    # The uplink's process ends some seconds after the last report; each heartbeat starts it again.
    machine.until(lambda: not any("uplink" in name for name in memory(machine)), "idle agent")
    weights = memory(machine)
    print(f"{machine.suite}: {sum(weights.values()):.1f} MiB of PSS: {weights}")
    before, begun = cpu(machine), time.monotonic()
    time.sleep(seconds)
    share = (cpu(machine) - before) / (time.monotonic() - begun) * 100
    print(f"{machine.suite}: {share:.3f} % of a core over {seconds:g} s")
    print(f"{machine.suite}: {memory(machine)} afterwards")
    assert 10.0 < sum(weights.values()) < MEMORY_MOST


def memory(machine: GuardedMachine) -> dict[str, float]:
    """MiB of PSS of each of the agent's processes, by what it runs."""
    found: dict[str, float] = {}
    listed = machine.inside("find", str(SLICE), "-name", "cgroup.procs").stdout.split()
    pids = [pid for file in listed for pid in machine.inside("cat", file).stdout.split()]
    for pid in pids:
        words = machine.path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        name = next((w.decode() for w in words if b"agent" in w), words[0].decode())
        rollup = machine.path(f"/proc/{pid}/smaps_rollup").read_text()
        kib = next(line.split()[1] for line in rollup.splitlines() if line.startswith("Pss:"))
        found[f"{name} {pid}"] = round(int(kib) / 1024, 1)
    return found


def cpu(machine: GuardedMachine) -> float:
    """Seconds of CPU that all processes of the agent's slice ever took."""
    lines = machine.inside("cat", f"{SLICE}/cpu.stat").stdout.splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("usage_usec")) / 1e6


def test_purging_both_leaves_etc_as_it_was(full: LockedMachine) -> None:
    """But for the collector's user, which stays as the files that it owned elsewhere may."""
    inside = full.machine.inside
    inside("apt-get", "purge", "-y", "dockwarden", "dockwarden-collector")
    differing = full.machine.etc_differs(full.etc)
    names = [line.split("|")[0] for line in differing.splitlines()[:-1]]
    users = ("passwd", "passwd-", "group", "group-", "shadow", "shadow-", "gshadow", "gshadow-")
    assert [name for name in names if name.strip().rpartition("/")[2] not in users] == []
    assert full.machine.rules() == full.rules
    for folder in ("/usr/lib", "/var/lib", "/var/cache"):
        assert list(full.machine.path(folder).glob("dockwarden*")) == []
