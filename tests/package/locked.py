"""A booted machine with a private registry and, behind it, an internet of two public ones; what the
machine was like before the package. Nothing leaves the computer that runs this: see `Internet`.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lab import images
from tests.lab.internet import Internet
from tests.lab.registry import Registry
from tests.package.guarded import GuardedMachine

NAMES = {"quay.test": "198.51.100.10", "other.test": "198.51.100.20"}
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
    """The machine, a copy of its /etc, its daemon.json and its firewall from before."""

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


@contextmanager
def locked_machine(suite: str) -> Iterator[LockedMachine]:
    """Boot one; the package is not installed yet."""
    with ExitStack() as stack:
        machine = stack.enter_context(GuardedMachine(suite))
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
