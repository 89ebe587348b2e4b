"""A booted machine with a real engine, and the package that guards it."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from agent.adapters.allowlist_file import dump
from core.allowlist.allowlist import Deny, Level
from tests.lab import archives
from tests.lab.agent import approve
from tests.lab.errors import LabError
from tests.lab.images import BuiltImage
from tests.lab.probe import Probe
from tests.package.booted import BootedMachine

CONFIGURATION = """\
[agent]
mode = "enforce"
{tables}"""
PATIENCE = 90.0  # s
_numbers = itertools.count(1)


class GuardedMachine(BootedMachine):
    """The engine is Debian's own, with the systemd cgroup driver on cgroup v2."""

    def __init__(self, suite: str) -> None:
        super().__init__(suite)
        self._sequence = 0

    def build(self) -> None:
        """Boot it and make the folder where containers say that they ran."""
        super().build()
        self.path("/srv/probes").mkdir(parents=True, exist_ok=True)

    # The engine.

    def docker(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """The engine's own client."""
        return self.inside("docker", *arguments, check=check)

    def load(self, *images: BuiltImage) -> None:
        """`docker load` of each."""
        for image in images:
            name = f"load-{next(_numbers)}.tar"
            archives.docker_archive(image, self.path(f"/srv/{name}"))
            self.docker("load", "-i", f"/srv/{name}")
            self.path(f"/srv/{name}").unlink()

    def start(self, image: BuiltImage, *options: str, once: bool = False) -> Probe:
        """`docker run -d`; the probe says whether the image's own code ran."""
        probe = Probe(self.path(f"/srv/probes/p{next(_numbers)}"))
        # Without a network: not what is tested, and half of what a start costs.
        options = ("--network", "none", "-v", "/srv/probes:/probes", *options)
        command = probe.command_once if once else probe.command
        self.docker("run", "-d", *options, image.reference(), *command, check=False)
        return probe

    def remove_containers(self) -> None:
        """All of them, running or not."""
        if found := self.docker("ps", "-aq").stdout.split():
            self.docker("rm", "-f", *found)

    def refresh(self, probe: Probe) -> Probe:
        """The same probe after a reboot, when paths lead through another process."""
        return Probe(self.path(f"/srv/probes/{probe.file.name}"))

    # What the machine is like.

    def rules(self) -> str:
        """The kernel's firewall without counters."""
        return self.inside("nft", "--stateless", "list", "ruleset").stdout

    def etc_differs(self, before: Path) -> str:
        """What `git diff` says of /etc now; empty when every byte is as it was in this copy."""
        done = subprocess.run(
            ["git", "diff", "--no-index", "--stat", before, self.path("/etc")],
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode not in (0, 1):
            raise LabError(f"git compares nothing: {done.stderr}")
        return done.stdout

    # The package.

    def install(self, deb: Path, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`apt-get install ./x.deb`, whether that is newer or older than what is installed."""
        shutil.copy(deb, self.path("/srv"))
        command = ("apt-get", "install", "-y", "--allow-downgrades", f"/srv/{deb.name}")
        return self.inside(*command, check=check)

    def enforce(self, tables: str = "") -> None:
        """Write a configuration in enforce mode and start the service with it."""
        text = CONFIGURATION.format(tables=tables)
        self.path("/etc/dockwarden/agent.toml").write_text(text)
        self.inside("systemctl", "enable", "dockwarden")
        self.inside("systemctl", "restart", "dockwarden")
        self.until(self.guards, "a gate that works")

    def allow(self, *images: BuiltImage, denies: Iterable[Deny] = ()) -> None:
        """Publish a list that approves these; a running agent has adopted it at the return."""
        self.allow_unseen(*images, denies=denies)
        if self.active():
            self.until(
                lambda: self.status()["allowlist"].get("sequence") == self._sequence, "the list"
            )

    def allow_unseen(self, *images: BuiltImage, denies: Iterable[Deny] = ()) -> None:
        """Publish it and wait for nobody."""
        self._sequence += 1
        levels = [Level("acme", tuple(map(approve, images)), tuple(denies))]
        path = self.path("/etc/dockwarden/allowlist.json")
        aside = path.with_suffix(".new")
        aside.write_bytes(dump(levels, self._sequence, "images@acme.test"))
        aside.chmod(0o644)
        aside.rename(path)

    def pid(self) -> str:
        """The agent's main process."""
        return self.inside("systemctl", "show", "-P", "MainPID", "dockwarden").stdout.strip()

    def active(self) -> bool:
        """Whether systemd calls the service active."""
        done = self.inside("systemctl", "is-active", "dockwarden", check=False)
        return done.stdout.strip() == "active"

    def status(self) -> dict[str, Any]:
        """`dockwarden status`; empty when there is no answer."""
        done = self.inside("dockwarden", "status", "-o", "json", check=False)
        try:
            return dict(json.loads(done.stdout))
        except ValueError:
            return {"allowlist": {}, "gate": {}, "engine": {}}

    def guards(self) -> bool:
        """Whether the gate works and the engine's events are followed."""
        status = self.status()
        return bool(status["gate"].get("working") and status["engine"].get("connected"))

    def until(self, true: Callable[[], bool], what: str, within_s: float = PATIENCE) -> None:
        """Wait for something to become true; fail with the journal's last words."""
        end = time.monotonic() + within_s
        while not true():
            if time.monotonic() > end:
                words = self.inside("journalctl", "-u", "dockwarden", "-n", "12", "--no-pager")
                raise LabError(f"{self.suite}: no {what} within {within_s} s: {words.stdout}")
            time.sleep(0.05)
