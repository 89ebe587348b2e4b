"""A real agent on a lab host: its configuration, its allowlist, its life, what it found."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agent.adapters.allowlist_file import dump
from core.allowlist.allowlist import Approval, Deny, Level
from core.image.digest import Digest
from tests.lab.errors import LabError
from tests.lab.host import LabHost
from tests.lab.images import BuiltImage
from tests.patience import PATIENCE, until

ROOT = Path(__file__).resolve().parents[2]
FINDINGS = "/var/log/dockwarden/violations.jsonl"
ALLOWLIST = "/etc/dockwarden/allowlist.json"
SCOPE = "acme"


def approve(image: BuiltImage, *, expires_in: timedelta = timedelta(days=90)) -> Approval:
    """The approval that a registry administrator would write for an image: all its digests."""
    now = datetime.now(UTC)
    return Approval(
        repository=image.repository,
        digests=frozenset(map(Digest.parse, image.digests)),
        tags=(image.tag,),
        chain_ids=frozenset(map(Digest.parse, image.chain_ids.values())),
        approved_at=now,
        expires_at=now + expires_in,
        approvers=("alice", "bob"),
        reason="lab",
    )


def deny(image: BuiltImage, *, revoked: bool = False) -> Deny:
    """A deny, or a revocation, of all digests of an image."""
    return Deny(frozenset(map(Digest.parse, image.digests)), "lab says no", revoked)


class LabAgent:
    """`dockwarden run` inside a host. `settings` are the tables of agent.toml."""

    def __init__(self, host: LabHost, settings: Mapping[str, Mapping[str, Any]] | None = None):
        self.host = host
        self.settings = {table: dict(keys) for table, keys in (settings or {}).items()}
        self._process: subprocess.Popen[Any] | None = None
        self._sequence = 0
        self._logs = 0
        self._found: list[dict[str, Any]] = []
        self._read_to = 0
        self.published: tuple[object, ...] = ()

    # Its files.

    def configure(self, **tables: Mapping[str, Any]) -> None:
        """Merge tables into the configuration and write it."""
        for table, keys in tables.items():
            self.settings.setdefault(table, {}).update(keys)
        settings: dict[str, dict[str, Any]] = {
            "agent": {"mode": "enforce", "host_name": self.host.name},
            "engine": {"socket": str(self.host.docker_socket)},
            "gate": {"roots": [f"/{self.host.name}"]},
            "reports": {"journal": "off"},
            "control": {"explain_access": "everyone"},
        }
        for table, keys in self.settings.items():
            settings.setdefault(table, {}).update(keys)
        lines = []
        for table, keys in settings.items():
            lines.append(f"[{table}]")
            lines += [f"{key} = {_toml(value)}" for key, value in keys.items()]
        self.host.path("/etc/dockwarden/agent.toml").write_text("\n".join(lines) + "\n")

    def allow(
        self,
        *images: BuiltImage,
        denies: Iterable[Deny] = (),
        levels: Iterable[Level] = (),
        wait: bool = True,
    ) -> None:
        """Publish a list that approves these images; wait until a running agent adopted it."""
        top = Level(SCOPE, tuple(map(approve, images)), tuple(denies))
        self.publish(top, *levels, wait=wait)
        self.published = (images, denies, levels)

    def publish(self, *levels: Level, wait: bool = True) -> None:
        """Publish a list of these levels, top first; wait until a running agent adopted it."""
        self._sequence += 1
        self.write_list(dump(levels, self._sequence, "images@acme.test"))
        if wait and self.running:
            self.until(
                lambda: self.status()["allowlist"].get("sequence") == self._sequence,
                "the new list",
            )

    def write_list(self, content: bytes) -> None:
        """Replace the allowlist file at once, as configuration management does."""
        self.published = ()
        path = self.host.path(ALLOWLIST)
        aside = path.with_suffix(".new")
        aside.write_bytes(content)
        aside.chmod(0o644)
        aside.rename(path)

    # Its life.

    def start(self, *, gate: bool = True, engine: bool = True) -> LabAgent:
        """Start it and wait until it stands (with the gate and the engine, if they are to)."""
        self.configure()
        if not self.host.path(ALLOWLIST).exists():
            self.allow()
        self._logs += 1
        with self.log.open("wb") as output:
            self._process = self.host.popen(
                self.command("run"),
                environment={"PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cgroup="agent",
            )
        self.until(lambda: self.stands(gate=gate, engine=engine), "the agent to stand")
        return self

    def stands(self, *, gate: bool = True, engine: bool = True) -> bool:
        """Whether it answers, with the gate working and the engine reached if so asked."""
        if not self.running:
            raise LabError(f"the agent ended: {self.words()}")
        status = self.status()
        return (
            "mode" in status
            and (status["engine"]["connected"] or not engine)
            and (status["gate"]["working"] or not gate)
        )

    def stop(self) -> int:
        """SIGTERM, as systemd stops it; returns its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL of the agent's main process."""
        self._end(signal.SIGKILL)

    def _end(self, number: int) -> int:
        assert self._process is not None  # it was started
        os.kill(self._process.pid, number)
        return self._process.wait(PATIENCE)

    @property
    def running(self) -> bool:
        """Whether its main process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The main process."""
        assert self._process is not None  # it was started
        return self._process.pid

    @property
    def gate_pid(self) -> int:
        """The gate's own process."""
        for listed in Path(f"/proc/{self.pid}/task").glob("*/children"):
            for child in map(int, listed.read_text().split()):
                if b"serve" in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0"):
                    return child
        raise LabError(f"the agent has no gate: {self.words()}")

    @property
    def log(self) -> Path:
        """Its standard error, a file for each start."""
        return self.host.work / f"agent-{self._logs}.log"

    def words(self) -> str:
        """The last it said."""
        return self.log.read_text(errors="replace")[-2000:]

    # What it says.

    def command(self, *arguments: str) -> list[str]:
        """The command line of a verb."""
        return [sys.executable, "-m", "agent", *arguments]

    def cli(self, *arguments: str, check: bool = False) -> subprocess.CompletedProcess[str]:
        """Run a verb on the host, as root."""
        return self.host.run(
            self.command(*arguments), environment={"PYTHONPATH": str(ROOT)}, check=check
        )

    def status(self) -> dict[str, Any]:
        """What `dockwarden status --output json` says; empty parts while it does not answer."""
        from agent.adapters.control_socket import call
        from agent.errors import ControlUnavailable

        try:
            found = call(str(self.host.path("/run/dockwarden/agent.sock")), "status", {}, PATIENCE)
        except ControlUnavailable:
            found = {}
        nothing: dict[str, Any] = {
            "engine": {"connected": False},
            "gate": {"working": False},
            "allowlist": {},
        }
        return {**nothing, **found}

    def findings(self, *, name: str = "", event: str = "") -> list[dict[str, Any]]:
        """All findings so far, oldest first; of one container or event if named."""
        self._read_on()
        return [
            record
            for record in self._found
            if (not event or record["event"] == event)
            and (not name or (record["container"] or {}).get("name") == name)
        ]

    def _read_on(self) -> None:
        """Take in the whole lines that were written since the last time."""
        try:
            with self.host.path(FINDINGS).open("rb") as file:
                file.seek(self._read_to)
                for line in file:
                    if line.endswith(b"\n"):
                        self._found.append(json.loads(line))
                        self._read_to += len(line)
        except FileNotFoundError:  # nothing was found yet
            return

    def finding(self, name: str) -> dict[str, Any]:
        """The last finding about a container, waited for."""
        self.until(lambda: bool(self.findings(name=name)), f"a finding about {name}")
        return self.findings(name=name)[-1]

    def until(self, true: Callable[[], bool], what: str) -> None:
        """Wait for something to become true; a failure shows the agent's last words."""
        until(true, lambda: f"{what}: {self.words()}", pause=0.05)


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value if isinstance(value, bool | int | float) else str(value))
