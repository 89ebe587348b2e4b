"""The registrar from its package: its service signs the timestamp of a repository, by its timer."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.package import roots
from tests.package.conftest import SUITES
from tests.package.guarded import GuardedMachine

pytestmark = pytest.mark.package

HOME = "/var/lib/dockwarden-registrar"
USER = "dockwarden-registrar"
UNIT = "dockwarden-registrar-timestamp"
PASSPHRASE = "/etc/dockwarden/registrar-passphrase"
ENVIRONMENT = f"""\
WORKSPACE={HOME}/approved
PUBLISH_TO={HOME}/www
DOCKWARDEN_KEYS={HOME}/keys
"""
OFTEN = "[Timer]\nOnCalendar=*:*:*\nRandomizedDelaySec=0\nAccuracySec=100ms\n"


@pytest.fixture(scope="module", params=SUITES)
def publisher(request: pytest.FixtureRequest, programs: Path) -> Iterator[GuardedMachine]:
    """A machine with the package and a repository that was published once, as the guide says."""
    if why := roots.missing(request.param):
        pytest.skip(why)
    with GuardedMachine(request.param) as machine:
        for deb in programs.glob("dockwarden-registrar_*.deb"):
            machine.install(deb)
        yield machine


def as_user(machine: GuardedMachine, *arguments: str) -> str:
    """What the publishing machine's user calls, with its keys."""
    environment = (
        "env",
        f"HOME={HOME}",
        f"DOCKWARDEN_KEYS={HOME}/keys",
        "DOCKWARDEN_PASSPHRASE=word word word",
    )
    command = ("runuser", "-u", USER, "--", *environment, "dockwarden-registrar", *arguments)
    return machine.inside(*command).stdout


def timestamp(machine: GuardedMachine) -> int:
    """The version of the timestamp that is served."""
    text = machine.path(f"{HOME}/www/metadata/timestamp.json").read_text()
    return int(json.loads(text)["signed"]["version"])


def state(machine: GuardedMachine, key: str) -> str:
    """What systemd says of the service."""
    return machine.inside("systemctl", "show", "-P", key, f"{UNIT}.service").stdout.strip()


def test_without_a_configuration_it_does_nothing(publisher: GuardedMachine) -> None:
    """Installing enables no timer, and a start by mistake is no failure."""
    enabled = publisher.inside("systemctl", "is-enabled", f"{UNIT}.timer", check=False).stdout
    assert enabled.strip() == "disabled"
    publisher.inside("systemctl", "start", f"{UNIT}.service")
    assert state(publisher, "ConditionResult") == "no"


def test_the_service_renews_the_timestamp(publisher: GuardedMachine) -> None:
    """Confined, with the passphrase as a credential that root alone can read."""
    as_user(publisher, "init", "--solo", "--organization", "acme", f"{HOME}/approved")
    as_user(publisher, "-C", f"{HOME}/approved", "publish", "--to", f"{HOME}/www")
    publisher.path("/etc/dockwarden").mkdir(exist_ok=True)
    publisher.path("/etc/dockwarden/registrar-timestamp.env").write_text(ENVIRONMENT)
    publisher.path(PASSPHRASE).write_text("word word word\n")
    publisher.path(PASSPHRASE).chmod(0o600)
    before = timestamp(publisher)
    publisher.inside("systemctl", "start", f"{UNIT}.service")
    assert state(publisher, "Result") == "success"
    assert timestamp(publisher) == before + 1
    as_user(publisher, "-C", f"{HOME}/approved", "verify")


def test_the_timer_starts_it_again_and_again(publisher: GuardedMachine) -> None:
    """Each second here instead of each hour."""
    listed = publisher.inside("systemctl", "cat", f"{UNIT}.timer").stdout
    assert "OnCalendar=hourly" in listed
    folder = publisher.path(f"/run/systemd/system/{UNIT}.timer.d")
    folder.mkdir()
    (folder / "often.conf").write_text(OFTEN)
    publisher.inside("systemctl", "daemon-reload")
    before = timestamp(publisher)
    publisher.inside("systemctl", "enable", "--now", f"{UNIT}.timer")
    publisher.until(lambda: timestamp(publisher) >= before + 2, "second signature by the timer")


def test_a_wrong_passphrase_is_a_failed_unit(publisher: GuardedMachine) -> None:
    """Monitoring sees it, and what is served stays."""
    publisher.inside("systemctl", "disable", "--now", f"{UNIT}.timer")
    publisher.until(lambda: state(publisher, "ActiveState") == "inactive", "end of the last run")
    publisher.path(PASSPHRASE).write_text("another\n")
    before = timestamp(publisher)
    done = publisher.inside("systemctl", "start", f"{UNIT}.service", check=False)
    assert done.returncode != 0
    assert state(publisher, "Result") == "exit-code"
    assert timestamp(publisher) == before


def test_purge_keeps_what_was_signed(publisher: GuardedMachine) -> None:
    """No package may delete a repository."""
    publisher.inside("apt-get", "purge", "-y", "dockwarden-registrar")
    assert publisher.path(f"{HOME}/www/metadata/timestamp.json").exists()
    assert publisher.path(f"{HOME}/approved/registrar.toml").exists()
    assert not publisher.path("/usr/lib/dockwarden-registrar").exists()
    assert not publisher.path("/var/cache/dockwarden-registrar").exists()
