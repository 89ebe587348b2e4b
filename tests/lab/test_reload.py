"""A running agent takes up another configuration: no start goes unevaluated."""

from __future__ import annotations

import os
import signal

from tests.lab.images import BuiltImage
from tests.lab.trials import Trials

STARTS = 12


def test_enforcement_is_switched_on_and_off_by_reloads(
    trials: Trials, good: BuiltImage, bad: BuiltImage
) -> None:
    agent = trials.agent
    gate = agent.gate_pid
    trials.runs(trials.run(good))
    agent.configure(agent={"mode": "observe"})
    assert "agent.mode" in agent.cli("reload", check=True).stdout
    unguarded = trials.run(bad)
    unguarded.probe.wait_alive()
    agent.configure(agent={"mode": "enforce"})
    os.kill(agent.pid, signal.SIGHUP)
    agent.until(lambda: agent.status().get("mode") == "enforce", "enforce mode")
    trials.ended(unguarded, "unlisted")
    trials.never_ran(trials.run(bad))
    assert agent.gate_pid == gate


def test_nothing_runs_unevaluated_while_it_reloads(
    trials: Trials, good: BuiltImage, bad: BuiltImage
) -> None:
    agent = trials.agent
    for number in range(STARTS):
        agent.configure(agent={"contact": f"ops{number}@acme.test"})
        os.kill(agent.pid, signal.SIGHUP)
        trials.never_ran(trials.run(bad))
    trials.runs(trials.run(good))


def test_a_wrong_file_keeps_what_is_in_force(trials: Trials, bad: BuiltImage) -> None:
    agent = trials.agent
    agent.configure(agent={"contakt": "nobody"})
    done = agent.cli("reload")
    assert done.returncode == 1 and "did you mean contact?" in done.stderr
    assert any("contakt" in reason for reason in agent.status()["degraded"])
    trials.never_ran(trials.run(bad))
    del agent.settings["agent"]["contakt"]
    agent.configure(agent={})
    agent.cli("reload", check=True)
    assert agent.status()["degraded"] == []
