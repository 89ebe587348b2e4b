"""What is done about a container, what is kept of it, and what a refused user learns."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.agent import ROOT, deny
from tests.lab.host import LabHost
from tests.lab.images import BuiltImage
from tests.lab.trials import Trials, frozen, state

MakeTrials = Callable[..., Trials]
Maker = Callable[..., BuiltImage]
VIOLATIONS = 3  # the exit code of a verb that found some


def test_stop_lets_a_container_end_in_its_own_way(
    make_trials: MakeTrials, host: LabHost, good: BuiltImage, pull_image: Maker, tmp_path: Path
) -> None:
    trials, image = make_trials(enforcement={"actions": {"unlisted": "stop"}}), pull_image()
    agent = trials.agent
    agent.allow(good, image)
    probe = trials.probe()
    script = f"trap 'touch /probes/farewell; exit 0' TERM; {' '.join(probe.command)} & wait"
    volume = ("-v", probe.volume)
    host.docker("run", "-d", "--name", "polite", *volume, image.reference(), "sh", "-c", script)
    probe.wait()
    agent.allow(good)
    finding = agent.finding("polite")
    assert finding["event"] == "container.stopped"
    assert finding["outcome"]["action"] == "stop"
    assert (tmp_path / "farewell").exists()
    assert not probe.alive()
    assert state(host, "polite") == "exited"


def test_pause_keeps_a_container_in_quarantine(
    make_trials: MakeTrials, host: LabHost, good: BuiltImage, pull_image: Maker
) -> None:
    trials, image = make_trials(enforcement={"actions": {"unlisted": "pause"}}), pull_image()
    agent = trials.agent
    agent.allow(good, image)
    trials.runs(trial := trials.run(image))
    agent.allow(good)
    finding = trials.ended(trial, "unlisted", "container.paused")
    assert finding["outcome"]["ran_ms"] is None  # its processes are still there
    assert state(host, trial.name) == "paused"
    host.docker("unpause", trial.name, check=False)
    agent.until(lambda: state(host, trial.name) == "paused", "it to be paused again")
    agent.until(lambda: not trial.probe.alive(), "its code to stand still")
    agent.allow(good, image)
    host.docker("unpause", trial.name)
    agent.until(trial.probe.alive, "it to be released")


def test_report_lets_it_run_and_says_so(make_trials: MakeTrials, bad: BuiltImage) -> None:
    trials = make_trials(enforcement={"actions": {"unlisted": "report"}})
    agent = trials.agent
    trial = trials.run(bad)
    trial.probe.wait()
    finding = agent.finding(trial.name)
    assert (finding["event"], finding["outcome"]["action"]) == ("container.reported", "report")
    assert finding["outcome"]["ran_ms"] is None
    trial.probe.wait_alive()
    assert len(agent.findings(name=trial.name)) == 1


@pytest.mark.parametrize(("keep", "left"), [(True, "exited"), (False, "absent")])
def test_what_was_killed_is_kept_or_removed_as_configured(
    make_trials: MakeTrials,
    good: BuiltImage,
    pull_image: Maker,
    keep: bool,
    left: str,
) -> None:
    trials, image = make_trials(enforcement={"keep_killed": keep}), pull_image()
    trials.agent.allow(good, image)
    trials.runs(trial := trials.run(image))
    trials.agent.allow(good)
    trials.ended(trial, "unlisted")
    assert state(trials.host, trial.name) == left


def test_evidence_is_captured_before_anything_is_removed(
    trials: Trials, host: LabHost, bad: BuiltImage
) -> None:
    trial = trials.run(bad, "--label", "team=red", "--env", "SECRET=hunter2")
    finding = trials.never_ran(trial)
    file = host.path(finding["evidence"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    kept = json.loads(file.read_text())
    assert kept["container"]["Name"] == f"/{trial.name}"
    assert kept["container"]["Config"]["Labels"]["team"] == "red"
    assert kept["host_config"]["Binds"] == [trial.probe.volume]
    assert [layer["CreatedBy"] for layer in kept["history"]] == ["dockwarden lab"] * 2
    assert kept["image"]["RootFS"]["Layers"]
    assert "hunter2" not in json.dumps(finding)


def test_a_refused_user_learns_why_and_what_to_do(
    trials: Trials, host: LabHost, pull_image: Maker, good: BuiltImage
) -> None:
    """The nearest approved image of the same repository is named, and who can help."""
    agent = trials.agent
    reference = good.reference().removesuffix(":1") + ":2"
    other = pull_image()
    host.docker("tag", other.reference(), reference)
    trial = trials.run(reference)
    finding = trials.never_ran(trial)
    assert good.repository in finding["next_step"]
    assert "images@acme.test" in finding["next_step"]
    told = agent.cli("explain", trial.name)
    assert told.returncode == VIOLATIONS
    said = told.stdout
    for part in ("unlisted", "acme", good.repository, "images@acme.test"):
        assert part in said
    violations = agent.cli("violations")
    assert violations.returncode == VIOLATIONS
    assert trial.name in violations.stdout


def test_an_ordinary_user_may_ask_why_and_nothing_else(
    trials: Trials, host: LabHost, bad: BuiltImage
) -> None:
    trial = trials.run(bad)
    trials.never_ran(trial)

    def as_nobody(*arguments: str) -> tuple[int, str]:
        user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        command = [*user, *trials.agent.command(*arguments)]
        done = host.run(command, environment={"PYTHONPATH": str(ROOT)}, check=False)
        return done.returncode, done.stdout + done.stderr

    code, said = as_nobody("explain", trial.name)
    assert code == VIOLATIONS, said
    assert "unlisted" in said
    assert "images@acme.test" in said
    for verb in (("status",), ("ps",), ("circuit-breaker", "reset")):
        code, said = as_nobody(*verb)
        assert code == 1, said


def test_explain_knows_the_running_ones_too(trials: Trials, good: BuiltImage) -> None:
    trial = trials.run(good)
    trials.runs(trial)
    for name in (trial.name, trial.container, trial.container[:12]):
        assert "approved" in trials.agent.cli("explain", name, check=True).stdout
    shown = trials.agent.cli("ps", "--output", "json", check=True).stdout
    rows = {row["name"]: row["verdict"] for row in json.loads(shown)}
    assert rows[trial.name] == "approved"


def test_observe_touches_nothing_at_all(
    make_trials: MakeTrials, host: LabHost, good: BuiltImage, bad: BuiltImage
) -> None:
    trials = make_trials(agent={"mode": "observe"})
    agent = trials.agent
    created = trials.create(bad)
    started, denied = trials.run(bad), trials.run(good, "--restart=always")
    for trial in (started, denied):
        trial.probe.wait()
    finding = agent.finding(started.name)
    assert (finding["event"], finding["mode"]) == ("container.reported", "observe")
    assert finding["outcome"]["action"] == "report"
    before = [host.inspect(trial.name) for trial in (created, started, denied)]
    agent.allow(denies=[deny(good)])
    agent.until(lambda: bool(agent.findings(name=denied.name)), "the deny to be reported")
    after = [host.inspect(trial.name) for trial in (created, started, denied)]
    assert after == before
    started.probe.wait_alive()
    denied.probe.wait_alive()
    assert frozen(host) == []
    assert not list(host.path("/var/lib/dockwarden/evidence").glob("*"))
