"""Two registry administrators at work on a lab host, with the program that they would use.

Knows the commands of `dockwarden-registrar`; what becomes of a list is the hosts' business.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.lab.errors import LabError
from tests.lab.host import LabHost

ROOT = Path(__file__).resolve().parents[2]
ADMINISTRATORS = ("ann", "bob")
ONLINE = ("snapshot", "timestamp")
SCOPES = ("acme", "acme.shop")


class Administrators:
    """Ann and Bob, who both have to sign; `typed` are the commands so far, as one types them.

    Their folder and their keys lie in the host's work directory, for the lab's convenience.
    """

    def __init__(self, host: LabHost, name: str = "approved") -> None:
        self._host = host
        self._name = name
        self.folder = host.work / name
        self._keys = host.work / f"{name}.keys"
        self.typed: list[str] = []

    @property
    def repository(self) -> Path:
        """What hosts read."""
        return self.folder / "repository"

    @property
    def environment(self) -> dict[str, str]:
        """Where the keys lie, and what opens them."""
        return {"DOCKWARDEN_KEYS": str(self._keys), "DOCKWARDEN_PASSPHRASE": "correct horse"}

    @property
    def settings(self) -> dict[str, Any]:
        """The `[allowlist]` of a host of the lowest scope."""
        return {"source": f"folder:{self.repository}", "scope": SCOPES[-1]}

    def first_ceremony(self) -> None:
        """From nothing to an empty list that both have signed."""
        self.run("init", "--organization", SCOPES[0], "--no-git", str(self.folder), inside=False)
        for name in ADMINISTRATORS:
            self.run("key", "new", name, "--role", "administrator")
        for role in ONLINE:
            self.run("key", "new", f"online-{role}", "--role", role)
        for role in ("root", "targets", "emergency"):
            self.run("scope", "set-threshold", role, "2")
        for scope in SCOPES:
            self.run("scope", "add", scope, "--threshold", "2")
        self.sign_and_publish()

    def approve(self, *words: str, scope: str = SCOPES[-1], reason: str = "lab") -> str:
        """Ann approves what a developer asked for (references, options); nothing is signed yet."""
        asked = ("--requester", "dev", "--approver", ADMINISTRATORS[0], "--reason", reason)
        return self.run(
            "image", "approve", *words, "--scope", scope, *asked, "--plain-http", "--yes"
        )

    def revoke(self, reference: str, *, scope: str = SCOPES[0], reason: str) -> str:
        """Somebody withdraws an approval; nothing is signed yet."""
        return self.run("image", "revoke", reference, "--scope", scope, "--reason", reason, "--yes")

    def sign_and_publish(self) -> None:
        """Both sign what waits, then it is published."""
        for name in ADMINISTRATORS:
            self.run("sign", "--key", name, "--yes")
        self.run("publish")

    def give_root(self) -> None:
        """Bring the host the root that it is to trust at first."""
        root = self._host.path("/etc/dockwarden/root.json")
        shutil.copyfile(self.repository / "metadata" / "1.root.json", root)
        root.chmod(0o644)

    def run(self, *arguments: str, inside: bool = True) -> str:
        """One command on the host (whose registry it may reach); what it printed."""
        words = [*(("-C", str(self.folder)) if inside else ()), *arguments]
        done: subprocess.CompletedProcess[str] = self._host.run(
            [sys.executable, "-m", "registrar", *words],
            environment={"PYTHONPATH": str(ROOT), **self.environment},
            check=False,
        )
        typed = [self._name if word == str(self.folder) else word for word in arguments]
        self.typed.append(shlex.join(["dockwarden-registrar", *typed]))
        if done.returncode:
            raise LabError(f"{self.typed[-1]} failed: {done.stderr.strip() or done.stdout}")
        return done.stdout
