"""Containers that a test starts on a guarded host: whether their own code ran, and what was said.

The probe reports the truth about whether user code ran; the agent's findings are held against it.
"""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lab import cgroups
from tests.lab.agent import LabAgent
from tests.lab.host import LabHost
from tests.lab.images import BuiltImage
from tests.lab.probe import Probe
from tests.patience import until

ENDED = ("container.refused", "container.killed", "container.stopped", "container.paused")
_numbers = itertools.count(1)


@dataclass(slots=True)
class Trial:
    """One container: its name, the probe that its command writes, and what the client said."""

    name: str
    probe: Probe
    done: subprocess.CompletedProcess[str] = field(
        default_factory=lambda: subprocess.CompletedProcess((), 0, "", "")
    )

    @property
    def container(self) -> str:
        """Its ID, where the client printed one."""
        return self.done.stdout.strip()


class Trials:
    """Starts containers on one host and checks the outcomes."""

    def __init__(self, host: LabHost, agent: LabAgent, folder: Path) -> None:
        self.host = host
        self.agent = agent
        self._folder = folder

    def probe(self) -> Probe:
        """A probe that no container uses yet."""
        return Probe(self._folder / f"probe-{next(_numbers)}")

    def run(
        self,
        image: BuiltImage | str,
        *options: str,
        verb: Sequence[str] = ("run", "-d"),
        once: bool = False,
        name: str = "",
        check: bool = False,
    ) -> Trial:
        """`docker run -d` (or another verb) with a probe as the command; `once` ends at once."""
        probe, name = self.probe(), name or f"trial-{next(_numbers)}"
        reference = image if isinstance(image, str) else image.reference()
        command = probe.command_once if once else probe.command
        options = ("--name", name, "-v", probe.volume, *options)
        done = self.host.docker(*verb, *options, reference, *command, check=check)
        return Trial(name, probe, done)

    def create(self, image: BuiltImage | str, *options: str, **others: Any) -> Trial:
        """`docker create` of the same."""
        return self.run(image, *options, verb=("create",), **others)

    def body(self, image: BuiltImage | str, probe: Probe, *, once: bool = False) -> dict[str, Any]:
        """The same as the body of the API's create call, without any network.

        Not `--network=none`, which is one to the engine: with many starts and ends at once 20.10
        deadlocks over networks by itself (moby/moby#46661, moby/libnetwork#2679).
        """
        return {
            "NetworkDisabled": True,
            "Image": image if isinstance(image, str) else image.reference(),
            "Cmd": list(probe.command_once if once else probe.command),
            "HostConfig": {"Binds": [probe.volume]},
        }

    # The outcomes.

    def refused(self, trial: Trial, verdict: str = "unlisted") -> dict[str, Any]:
        """It was ended or refused, is reported once, and the report reports the truth."""
        finding = self.agent.finding(trial.name)
        assert finding["event"] in ENDED, finding["summary"]
        assert finding["decision"]["verdict"] == verdict
        assert finding["outcome"]["error"] == ""
        assert not trial.probe.alive()
        assert (finding["outcome"]["ran_ms"] == 0.0) == (not trial.probe.ran), finding["outcome"]
        assert [one["event"] for one in self.agent.findings(name=trial.name)] == [finding["event"]]
        return finding

    def never_ran(self, trial: Trial, verdict: str = "unlisted") -> dict[str, Any]:
        """Its code never ran, and the finding says so."""
        finding = self.refused(trial, verdict)
        assert not trial.probe.ran, finding["summary"]
        assert finding["event"] == "container.refused"
        return finding

    def runs(self, trial: Trial) -> None:
        """It was started, runs undisturbed, and nothing is said about it."""
        assert trial.done.returncode == 0, trial.done.stderr
        trial.probe.wait()
        trial.probe.wait_alive()
        assert self.agent.findings(name=trial.name) == []

    def ended(self, trial: Trial, verdict: str, event: str = "container.killed") -> dict[str, Any]:
        """One that ran before was ended, and the last finding about it says so."""
        agent, name = self.agent, trial.name
        agent.until(lambda: bool(agent.findings(name=name, event=event)), f"{event} of {name}")
        finding = agent.findings(name=name, event=event)[-1]
        assert finding["decision"]["verdict"] == verdict
        assert finding["outcome"]["error"] == ""
        assert finding["outcome"]["ran_ms"] != 0.0
        assert not trial.probe.alive()
        return finding

    def evaluated(self, trial: Trial) -> None:
        """An unapproved one was evaluated: if it ran, a finding reports it and it has ended."""
        if trial.probe.ran:
            self.agent.finding(trial.name)
        self.agent.until(lambda: not trial.probe.alive(within_s=0.02), f"{trial.name}'s end")


def state(host: LabHost, name: str) -> str:
    """The engine's word for a container's state; `absent` when there is none such."""
    status, answer = host.api("GET", f"/containers/{name}/json")
    return str(answer["State"]["Status"]) if status == 200 else "absent"


def frozen(host: LabHost) -> list[str]:
    """Every cgroup below the host's root that is to be frozen, except what people paused."""
    _, paused = host.api("GET", '/containers/json?filters={"status":["paused"]}')
    allowed = {container["Id"] for container in paused}
    return [
        directory
        for hierarchy in cgroups.hierarchies()
        for directory, _, files in os.walk(hierarchy.mount / host.name)
        if Path(directory).name not in allowed and _is_frozen(Path(directory), files)
    ]


def _is_frozen(directory: Path, files: Iterable[str]) -> bool:
    for name in {"freezer.self_freezing", "cgroup.freeze"}.intersection(files):
        try:
            if (directory / name).read_text().strip() == "1":
                return True
        except OSError:  # the cgroup was removed meanwhile
            continue
    return False


def nothing_stays_frozen(host: LabHost) -> None:
    """What is held at the gate just now is settled in the end; nothing else is frozen."""
    until(lambda: not frozen(host), lambda: f"all thawed: {frozen(host)}", pause=0.02)
