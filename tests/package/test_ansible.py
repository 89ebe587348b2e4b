"""The Ansible role on a booted machine: installs, configures, enrols, reloads, and then rests."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import tools
from tests.lab.built import BuiltImage
from tests.package import ansible, roots
from tests.package.ansible import Controller
from tests.package.guarded import GuardedMachine

pytestmark = [pytest.mark.package, pytest.mark.slow]  # it installs Ansible first

SUITE = roots.SUITES[0]
COLLECTOR = "http://127.0.0.1:8484"


@pytest.fixture(scope="module")
def machine(good: BuiltImage, bad: BuiltImage, programs: Path) -> Iterator[GuardedMachine]:
    """A container host as Ansible meets it; the collector on it is not Ansible's business."""
    if why := roots.missing(SUITE):
        pytest.skip(why)
    with GuardedMachine(SUITE) as booted:
        booted.load(good, bad)
        for deb in (
            *tools.debs(SUITE, "distro-info-data", "python-apt-common", "python3-apt"),
            *programs.glob("dockwarden-collector_*.deb"),
        ):
            booted.install(deb)
        booted.inside("systemctl", "start", "dockwarden-collector")
        yield booted


@pytest.fixture(scope="module")
def controller(machine: GuardedMachine, tmp_path_factory: pytest.TempPathFactory) -> Controller:
    """It plays the role on that machine."""
    return Controller(machine, tmp_path_factory.mktemp("controller"))


@pytest.fixture(scope="module")
def variables(
    machine: GuardedMachine,
    programs: Path,
    good: BuiltImage,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """What an administrator sets for a host of an unsigned list."""
    allowlist = tmp_path_factory.mktemp("lists") / "allowlist.json"
    machine.path("/etc/dockwarden").mkdir(exist_ok=True)
    machine.allow_unseen(good)
    shutil.move(machine.path("/etc/dockwarden/allowlist.json"), allowlist)
    (deb,) = programs.glob("dockwarden_*.deb")
    secret = machine.inside("dockwarden-collector", "enrolment", "new").stdout.strip()
    return {
        "dockwarden_package": str(deb),
        "dockwarden_allowlist_file": str(allowlist),
        "dockwarden_enrolment_secret": secret,
        "dockwarden_config": {
            "agent": {"mode": "observe", "contact": 'Ask "images" at ümlaut 🐳'},
            "enforcement": {"actions": {"expired": "kill"}, "rescan_seconds": 61.5},
            "gate": {"roots": ["/"]},
            "collector": {"url": COLLECTOR},
        },
    }


def test_a_check_of_a_bare_host_changes_nothing(
    machine: GuardedMachine, controller: Controller, variables: dict[str, Any]
) -> None:
    played = controller.play(variables, "--check", "--diff")
    assert (played.code, played.changed > 0) == (0, True), played.text
    assert not machine.path("/usr/bin/dockwarden").exists()
    assert not list(machine.path("/var/cache").glob("dockwarden*.deb"))


def test_a_bare_host_is_guarded_afterwards_and_a_second_run_changes_nothing(
    machine: GuardedMachine, controller: Controller, variables: dict[str, Any]
) -> None:
    first = controller.play(variables)
    assert (first.code, first.changed > 0) == (0, True), first.text
    assert variables["dockwarden_enrolment_secret"] not in first.text
    machine.until(machine.guards, "a gate that works")
    status = machine.status()
    assert (status["mode"], status["allowlist"]["approvals"]) == ("observe", 1)
    shown = machine.inside("dockwarden", "config", "show").stdout
    for line in ('expired = "kill"', "rescan_seconds = 61.5", f'url = "{COLLECTOR}"', "ümlaut 🐳"):
        assert line in shown
    assert machine.inside("systemctl", "is-enabled", "dockwarden").stdout.strip() == "enabled"
    before = machine.pid()
    for options in ((), ("--check", "--diff")):
        again = controller.play(variables, *options)
        assert (again.code, again.changed) == (0, 0), again.text
    assert machine.pid() == before


def test_a_changed_mode_is_taken_up_by_a_reload(
    machine: GuardedMachine, controller: Controller, variables: dict[str, Any], bad: BuiltImage
) -> None:
    variables["dockwarden_config"]["agent"]["mode"] = "enforce"
    before = machine.pid()
    checked = controller.play(variables, "--check", "--diff")
    assert 'mode = "enforce"' in checked.text
    assert machine.status()["mode"] == "observe"
    played = controller.play(variables)
    assert played.code == 0, played.text
    assert (machine.status()["mode"], machine.pid()) == ("enforce", before)
    assert not machine.start(bad).ran
    assert controller.play(variables).changed == 0


def test_what_a_reload_cannot_take_up_restarts_it(
    machine: GuardedMachine, controller: Controller, variables: dict[str, Any]
) -> None:
    variables["dockwarden_config"]["collector"]["heartbeat_seconds"] = 240
    before = machine.pid()
    played = controller.play(variables)
    assert played.code == 0, played.text
    assert machine.pid() != before
    machine.until(machine.guards, "a gate that works")
    assert not machine.status().get("configuration", {}).get("needs_restart")
    assert controller.play(variables).changed == 0


def test_a_wrong_value_is_refused_before_it_is_written(
    machine: GuardedMachine, controller: Controller, variables: dict[str, Any]
) -> None:
    before = machine.path("/etc/dockwarden/agent.toml").read_bytes()
    wrong = {**variables["dockwarden_config"], "agent": {"mode": "enforced"}}
    played = controller.play({**variables, "dockwarden_config": wrong})
    assert played.code != 0
    assert "mode" in played.text
    assert machine.path("/etc/dockwarden/agent.toml").read_bytes() == before
    assert machine.status()["mode"] == "enforce"


def test_it_enrolled_the_host_once(machine: GuardedMachine) -> None:
    listed = machine.inside("dockwarden-collector", "hosts", "--json", check=False).stdout
    assert listed.count('"id"') == 1


def test_ansible_lint_has_nothing_to_say() -> None:
    """By its strictest profile, without the network."""
    done = subprocess.run(
        [ansible.tools() / "ansible-lint", "--offline", "--profile", "production", "--strict", "."],
        check=False,
        cwd=ansible.ROLES,
        env={**os.environ, "PATH": f"{ansible.tools()}:{os.environ['PATH']}", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
