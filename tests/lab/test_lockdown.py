"""The whole agent on a host that it locks down: what it puts in place, keeps, and gives back."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.lab import images
from tests.lab.agent import ROOT, LabAgent
from tests.lab.flavours import Flavour
from tests.lab.host import LabHost
from tests.lab.internet import Internet
from tests.lab.registry import Registry

QUAY4, OTHER4 = "198.51.100.10", "198.51.100.20"
NAMES = {"quay.test": QUAY4, "other.test": OTHER4}
MIRROR = "http://127.0.0.1:5000"
IMAGE = "acme/web:1"
TREES = ("/etc/docker", "/etc/containerd", "/etc/containers", "/etc/buildkit")
FLAVOURS = [Flavour("20.10", "v1", "classic"), Flavour("newest", "v2", "containerd")]

# As on a kernel before 6.9: the firewall's tables belong to nobody.
UNOWNED = """\
import os
from agent.adapters.egress.egress_settings import Launch
from agent.cli import launch
launch.daemon_environment = lambda: dict(os.environ)
Launch.__init__.__defaults__ = (*Launch.__init__.__defaults__[:-1], False)
"""

pytestmark = pytest.mark.lab


class Keeper(LabAgent):
    """An agent whose firewall is owned by it, or, as on an older kernel, by nobody."""

    def __init__(self, host: LabHost, settings: Any, *, owned: bool) -> None:
        super().__init__(host, settings)
        self.owned = owned
        (host.work / "old-kernel").mkdir()
        (host.work / "old-kernel" / "sitecustomize.py").write_text(UNOWNED)

    def command(self, *arguments: str) -> list[str]:
        """See `LabAgent`."""
        if self.owned:
            return super().command(*arguments)
        path = f"PYTHONPATH={self.host.work / 'old-kernel'}:{ROOT}"
        return ["env", path, *super().command(*arguments)]


class Street:
    """A host, its private registry, two public ones, and its agent (not started)."""

    def __init__(self, flavour: Flavour, stack: ExitStack) -> None:
        self.host = stack.enter_context(
            LabHost(
                flavour.engine,
                cgroup=flavour.cgroup,
                store=flavour.store,
                daemon_json={"insecure-registries": [*NAMES], "max-download-attempts": 1},
                start=False,
            )
        )
        with self.host.path("/etc/hosts").open("a") as hosts:
            hosts.writelines(f"{address} {name}\n" for name, address in NAMES.items())
        self.registry = stack.enter_context(Registry(self.host))
        for name in ("acme/web", "library/short"):
            self.registry.push(images.build(name, platforms=("linux/amd64",)))
        stack.enter_context(Internet(self.host, self.registry.directory, [QUAY4, OTHER4]))
        self.host.start_engine()
        self.before = self.files()
        settings = {
            "registry": {"mirror": MIRROR},
            "egress": {"known_registries": ["quay.test"]},
        }
        self.agent = Keeper(self.host, settings, owned=flavour.engine != "20.10")
        stack.callback(self.end)

    def end(self) -> None:
        """Stop the agent, if it runs."""
        if self.agent.running:
            self.agent.stop()

    # What the host is like.

    def files(self) -> dict[str, bytes]:
        """Every file that the lockdown may touch."""
        found = [path for tree in TREES for path in self.host.path(tree).rglob("*")]
        return {str(path): path.read_bytes() for path in found if path.is_file()}

    def mirrors(self) -> list[str]:
        """What the engine uses."""
        said = self.host.docker("info", "--format", "{{json .RegistryConfig.Mirrors}}").stdout
        return json.loads(said) or []

    def walled(self) -> bool:
        """Whether the firewall's table is there."""
        tables = self.host.run(["nft", "list", "tables"]).stdout
        return "table inet dockwarden" in tables

    def pull(self, reference: str) -> subprocess.CompletedProcess[str]:
        """Pull as people do; nothing of an earlier pull is left."""
        self.host.docker("rmi", "--force", reference, check=False)
        self.host.docker("image", "prune", "--all", "--force", check=False)
        return self.host.docker("pull", reference, check=False)

    def refused(self, reference: str) -> bool:
        """Whether a pull fails because a connection is refused."""
        done = self.pull(reference)
        return done.returncode != 0 and "refused" in done.stderr

    def daemon_json(self) -> dict[str, Any]:
        """The engine's file."""
        found: dict[str, Any] = json.loads(self.host.path("/etc/docker/daemon.json").read_text())
        return found

    # What the agent does.

    def in_place(self) -> bool:
        """Whether the agent says that every layer is."""
        rows = self.agent.status().get("lockdown") or []
        return bool(rows) and all(row["in_place"] for row in rows)

    def lock(self, mode: str = "enforce") -> None:
        """Have an agent run in this mode; one that enforces has every layer in place."""
        if self.agent.settings.get("agent") != {"mode": mode} or not self.agent.running:
            self.end()
            self.agent.configure(agent={"mode": mode})
            self.agent.start()
        if mode == "enforce":
            self.agent.until(self.in_place, f"the lockdown: {self.agent.status()}")

    def events(self, event: str, **details: str) -> list[dict[str, Any]]:
        """The findings of this name whose details hold these."""
        return [
            finding
            for finding in self.agent.findings(event=event)
            if details.items() <= finding["details"].items()
        ]

    def await_event(self, event: str, known: int = 0, **details: str) -> dict[str, Any]:
        """The last such finding, once there are more than `known`."""
        what = f"{event} {details}"
        self.agent.until(lambda: len(self.events(event, **details)) > known, what)
        return self.events(event, **details)[-1]


@pytest.fixture(scope="module", params=FLAVOURS, ids=str)
def street(request: pytest.FixtureRequest) -> Iterator[Street]:
    with ExitStack() as stack:
        street = Street(request.param, stack)
        yield street
        assert "Traceback" not in street.agent.words(), street.agent.words()


@pytest.fixture
def locked(street: Street) -> Street:
    """With an enforcing agent that has put everything in place."""
    if not street.host.running:
        street.host.start_engine()
    street.lock()
    return street


def test_observe_mode_reports_and_changes_nothing(street: Street) -> None:
    street.lock("observe")
    for layer in ("daemon.json", "firewall"):
        street.await_event("lockdown.drift", layer=layer)
    planned = street.agent.cli("plan")
    assert planned.returncode == 3, planned.stderr
    assert f'+    "{MIRROR}"' in planned.stdout or f'["{MIRROR}"]' in planned.stdout
    assert "table inet dockwarden is missing" in planned.stdout
    assert (street.files(), street.walled(), street.mirrors()) == (street.before, False, [])
    assert street.pull(f"other.test/{IMAGE}").returncode == 0
    assert street.agent.status()["degraded"] == []
    street.end()


def test_enforce_mode_leads_to_the_private_registry_and_nowhere_else(locked: Street) -> None:
    assert locked.mirrors() == [f"{MIRROR}/"]
    assert locked.walled()
    planned = locked.agent.cli("plan")
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert locked.pull("short:1").returncode == 0
    assert locked.refused(f"quay.test/{IMAGE}")
    assert locked.refused(f"other.test/{IMAGE}")
    known = locked.await_event("egress.refused", registry="quay.test")
    assert known["details"]["source"] == "engine"
    locked.await_event("egress.refused", destination=f"{OTHER4}:443/tcp")
    for name in ("quay.test", f"{OTHER4}:443"):
        told = locked.agent.cli("explain", name)
        assert told.returncode == 3, told.stderr
        assert "The engine tried to reach" in told.stdout
    assert locked.agent.status()["degraded"] == []
    others = {finding["details"]["pid"] for finding in locked.events("engine.other")}
    assert str(locked.host.engine_pid) not in others
    said = locked.agent.cli("status").stdout
    assert "firewall in place" in said and "daemon.json in place" in said


def test_the_selftest_proves_the_lockdown(locked: Street) -> None:
    """Mirror and firewall are tried, an unlisted image too; nothing of it is left. It follows the
    test of the engine's refusals: it asks the known registries itself, as root."""
    done = locked.agent.cli("selftest", "--output", "json")
    checks = {check["check"]: check for check in json.loads(done.stdout)["checks"]}
    wanted = {"agent", "allowlist", "mirror", "egress", "unlisted image", "finding"}
    assert {name for name in wanted if checks[name]["state"] != "ok"} == set(), checks
    assert done.returncode == 0
    assert "selftest" not in locked.host.docker("ps", "--all").stdout
    assert "selftest" not in locked.host.docker("images").stdout


def test_applying_by_hand_beside_the_agent_harms_nothing(locked: Street) -> None:
    done = locked.agent.cli("apply")
    assert done.returncode == 0, done.stdout + done.stderr
    assert locked.refused(f"other.test/{IMAGE}")
    assert locked.in_place()


def test_what_removes_the_firewall_is_refused_or_healed_and_named(locked: Street) -> None:
    if locked.agent.owned:
        for command in ("flush table inet dockwarden", "delete table inet dockwarden"):
            assert locked.host.run(["nft", *command.split()], check=False).returncode != 0
    else:
        known = len(locked.events("lockdown.healed", layer="firewall"))
        locked.host.run(["nft", "flush", "ruleset"])
        healed = locked.await_event("lockdown.healed", known, layer="firewall")
        assert healed["details"]["culprit"].startswith("nft[")
        assert healed["kind"] == "alarm"
    assert locked.refused(f"other.test/{IMAGE}")
    assert locked.agent.cli("plan").returncode == 0


def test_edits_of_others_are_kept_and_of_our_keys_healed(locked: Street) -> None:
    known = len(locked.events("lockdown.healed", layer="daemon.json"))
    path = locked.host.path("/etc/docker/daemon.json")
    kept, ours = path.read_bytes(), locked.daemon_json()
    path.write_text(json.dumps({**ours, "labels": ["a=b"], "registry-mirrors": ["http://x.test"]}))
    healed = locked.await_event("lockdown.healed", known, layer="daemon.json")
    assert "daemon.json" in healed["summary"]
    assert locked.daemon_json() == {**ours, "labels": ["a=b"]}
    assert locked.mirrors() == [f"{MIRROR}/"]
    path.with_suffix(".new").write_bytes(kept)
    path.with_suffix(".new").rename(path)
    assert locked.agent.cli("plan").returncode == 0
    assert path.read_bytes() == kept


def test_a_restarted_engine_stays_locked(locked: Street) -> None:
    locked.host.stop_engine()
    locked.host.remove_engine_cgroup()
    locked.host.start_engine()
    assert locked.refused(f"other.test/{IMAGE}")
    assert locked.pull("short:1").returncode == 0
    locked.agent.until(locked.agent.stands, "the agent to be back")
    locked.agent.until(locked.in_place, "the lockdown")


def test_a_killed_agent_leaves_the_wall_and_the_next_takes_it_over(locked: Street) -> None:
    locked.agent.kill()
    assert locked.walled()
    assert locked.refused(f"other.test/{IMAGE}")
    assert locked.pull("short:1").returncode == 0
    locked.agent.start()
    locked.agent.until(locked.in_place, "the lockdown")
    assert locked.refused(f"other.test/{IMAGE}")
    assert locked.agent.cli("plan").returncode == 0


def _given_back(street: Street) -> None:
    assert (street.files(), street.mirrors(), street.walled()) == (street.before, [], False)
    assert street.pull(f"other.test/{IMAGE}").returncode == 0


def test_restore_gives_back_and_the_agent_keeps_its_hands_off(locked: Street) -> None:
    done = locked.agent.cli("restore", "-o", "json")
    assert done.returncode == 0, done.stderr
    rows = {row["layer"]: row["undone"] for row in json.loads(done.stdout)}
    assert rows["firewall"] and rows["daemon.json"]
    _given_back(locked)
    status = locked.agent.status()
    assert "the lockdown was restored by hand" in status["degraded"][0]
    assert locked.agent.cli("status").returncode == 3
    locked.await_event("lockdown.restored")
    path = locked.host.path("/etc/docker/daemon.json")
    path.write_bytes(path.read_bytes())
    again = locked.agent.cli("restore")
    assert again.returncode == 0
    assert "nothing to put back" in again.stdout
    _given_back(locked)
    locked.end()


def test_apply_and_restore_without_an_agent(street: Street) -> None:
    street.end()
    assert street.agent.cli("plan", "-o", "json").returncode == 3
    done = street.agent.cli("apply")
    assert done.returncode == 0, done.stderr
    assert "daemon.json: changed" in done.stdout and "firewall: changed" in done.stdout
    assert street.agent.cli("plan").returncode == 0
    assert street.refused(f"quay.test/{IMAGE}")
    assert street.pull("short:1").returncode == 0
    done = street.agent.cli("restore")
    assert done.returncode == 0, done.stderr
    assert "no agent runs here" in done.stderr
    _given_back(street)


def test_what_an_earlier_configuration_put_in_place_is_given_back_too(locked: Street) -> None:
    locked.end()
    config = Path(locked.host.path("/etc/dockwarden/agent.toml"))
    locked.agent.configure(lockdown={"layers": ["files"]})
    locked.agent.start()
    try:
        done = locked.agent.cli("restore")
        assert done.returncode == 0, done.stderr
        _given_back(locked)
    finally:
        locked.end()
        locked.agent.settings.pop("lockdown")
        config.unlink()
