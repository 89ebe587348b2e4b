"""Debian packages of any suite, downloaded and unpacked aside; nothing is installed here.

The apt state is private: own sources, own lists, own archives, an empty dpkg status. The mirror
is the one of the machine's own sources; nothing of the machine is changed. A mirror that lags, or
a snapshot, is good enough for a lab; signatures are checked all the same.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.lab.apt_sources import SUITES, debian_mirror
from tests.lab.errors import LabError

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
LISTS_LIVE_S = 24 * 3600.0

CONFIGURATION = """\
Dir::State "{root}/state";
Dir::State::lists "{root}/lists";
Dir::State::status "{root}/status";
Dir::Cache "{root}/cache";
Dir::Cache::archives "{root}/archives";
Dir::Etc::sourcelist "{root}/sources.list";
Dir::Etc::sourceparts "{root}/empty";
Dir::Etc::preferences "{root}/empty/none";
Dir::Etc::preferencesparts "{root}/empty";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
Acquire::Retries "3";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
"""


class PackageMissing(LabError):
    """A suite has no such package."""


class PrivateApt:
    """apt over Debian's suites with all of its state below one directory."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._mirror = debian_mirror()

    def update(self, *, force: bool = False) -> None:
        """Fetch the package lists unless those at hand are younger than a day."""
        stamp = self._root / "updated"
        if not force and stamp.exists() and time.time() - stamp.stat().st_mtime < LISTS_LIVE_S:
            return
        self._write_configuration()
        try:
            self._apt("apt-get", "update", "-qq", timeout_s=300)
        except LabError as error:
            hint = "check the network and /etc/apt's proxy, or set DOCKWARDEN_LAB_MIRROR"
            raise LabError(f"cannot reach {self._mirror}: {error}", hint) from error
        stamp.touch()

    def file_name(self, package: str, suite: str) -> str:
        """Return the deb's file name, which carries the version, without downloading it."""
        try:
            answer = self._apt("apt-get", "download", "--print-uris", f"{package}/{suite}")
        except LabError as error:
            raise PackageMissing(f"Debian {suite} has no package {package}") from error
        return answer.split()[1]  # URI FILE SIZE HASH

    def download(self, package: str, suite: str) -> Path:
        """Download one package unless it is here already and return its deb."""
        archives = self._root / "archives"
        deb = archives / self.file_name(package, suite)
        if not deb.exists():
            self._apt("apt-get", "download", "-qq", f"{package}/{suite}", cwd=archives)
        return deb

    def unpack(self, package: str, suite: str, into: Path) -> str:
        """Download one package, unpack it over ``into`` and return its file name."""
        deb = self.download(package, suite)
        into.mkdir(parents=True, exist_ok=True)
        subprocess.run(["dpkg-deb", "-x", str(deb), str(into)], check=True, timeout=120)
        return deb.name

    def _write_configuration(self) -> None:
        for name in ("state", "lists/partial", "cache", "archives/partial", "empty"):
            (self._root / name).mkdir(parents=True, exist_ok=True)
        (self._root / "status").touch()
        signed = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
        lines = [f"deb {signed}{self._mirror} {suite} main\n" for suite in SUITES]
        (self._root / "sources.list").write_text("".join(lines))
        (self._root / "apt.conf").write_text(CONFIGURATION.format(root=self._root))

    def _apt(self, *argv: str, cwd: Path | None = None, timeout_s: float = 600) -> str:
        environment = dict(os.environ, APT_CONFIG=str(self._root / "apt.conf"), LC_ALL="C")
        return run_checked(argv, environment=environment, cwd=cwd, timeout_s=timeout_s)


def run_checked(
    argv: Sequence[str],
    *,
    environment: dict[str, str] | None = None,
    cwd: Path | None = None,
    timeout_s: float = 60,
) -> str:
    """Run a command and return its output; a failure raises with the command's last words."""
    done = subprocess.run(
        argv,
        check=False,
        env=environment,
        cwd=cwd,
        timeout=timeout_s,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        words = " / ".join(done.stderr.strip().splitlines()[-4:])
        raise LabError(f"{' '.join(argv[:4])} ended with {done.returncode}: {words}")
    return done.stdout
