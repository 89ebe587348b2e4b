"""The deb on a booted Debian machine that it locks down, and what removing it gives back.

The internet is a namespace behind the machine's own: nothing leaves the computer that runs this.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab import images
from tests.lab.internet import Internet
from tests.lab.registry import Registry
from tests.package import roots
from tests.package.conftest import SUITES
from tests.package.guarded import GuardedMachine

pytestmark = pytest.mark.package

QUAY, OTHER = "198.51.100.10", "198.51.100.20"
NAMES = {"quay.test": QUAY, "other.test": OTHER}
MIRROR = "http://127.0.0.1:5000"
IMAGE = "acme/web:1"
# As an operator writes it: an odd order, odd spaces, no newline at its end.
DAEMON_JSON = (
    '{  "max-download-attempts": 1,\n\t"insecure-registries": ["quay.test",'
    ' "other.test"], "log-opts": {"max-size":"10m"}}'
)
OWN_TABLE = """\
table inet ours {
	chain input {
		type filter hook input priority filter; policy accept;
		ip saddr 203.0.113.7 drop comment "ours"
	}
}
"""
TABLES = f"""
[registry]
mirror = "{MIRROR}"

[egress]
known_registries = ["quay.test"]
"""


@dataclass
class LockedMachine:
    """A machine with a private registry and two public ones, and what it was before the package."""

    machine: GuardedMachine
    etc: Path
    daemon_json: bytes
    rules: str

    def pull(self, reference: str) -> subprocess.CompletedProcess[str]:
        """Pull as people do; nothing of an earlier pull is left."""
        self.machine.docker("rmi", "--force", reference, check=False)
        self.machine.docker("image", "prune", "--all", "--force", check=False)
        return self.machine.docker("pull", reference, check=False)

    def mirrors(self) -> list[str]:
        """Those that the engine uses."""
        said = self.machine.docker("info", "-f", "{{json .RegistryConfig.Mirrors}}").stdout
        return list(json.loads(said) or [])

    def in_place(self) -> bool:
        """Whether the agent says that every layer is."""
        rows = self.machine.status().get("lockdown") or []
        return bool(rows) and all(row["in_place"] for row in rows)


@pytest.fixture(scope="module", params=SUITES)
def locked(request: pytest.FixtureRequest) -> Iterator[LockedMachine]:
    if why := roots.missing(request.param):
        pytest.skip(why)
    with ExitStack() as stack:
        machine = stack.enter_context(GuardedMachine(request.param))
        machine.path("/etc/docker").mkdir(exist_ok=True)
        machine.path("/etc/docker/daemon.json").write_text(DAEMON_JSON)
        with machine.path("/etc/hosts").open("a") as hosts:
            hosts.writelines(f"{address} {name}\n" for name, address in NAMES.items())
        registry = stack.enter_context(Registry(machine))
        for name in ("acme/web", "library/short"):
            registry.push(images.build(name, platforms=("linux/amd64",)))
        stack.enter_context(Internet(machine, registry.directory, list(NAMES.values())))
        machine.inside("systemctl", "restart", "docker")
        machine.inside("nft", "-f", "-", stdin=OWN_TABLE)
        copy = machine.work / "etc-before"
        shutil.copytree(machine.path("/etc"), copy, symlinks=True)
        written = machine.path("/etc/docker/daemon.json").read_bytes()
        yield LockedMachine(machine, copy, written, machine.rules())


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
