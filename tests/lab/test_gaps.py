"""Whatever dies, hangs or is away: nothing goes unevaluated, is harmed or stays frozen."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.lab.agent import LabAgent
from tests.lab.host import LabHost
from tests.lab.images import BuiltImage
from tests.lab.trials import Trial, Trials, nothing_stays_frozen, state
from tests.patience import until

Maker = Callable[..., BuiltImage]
MakeTrials = Callable[..., Trials]
COMES_BACK = ("--restart=always", "--stop-timeout=1")
REMEMBERED = 256  # events that an engine can replay


@contextlib.contextmanager
def live_restore(host: LabHost, wanted: bool) -> Iterator[None]:
    """Have the shared engine keep its containers while it is down, or not."""

    def have(value: bool) -> None:
        file = host.path("/etc/docker/daemon.json")
        settings = json.loads(file.read_text())
        file.write_text(json.dumps({**settings, "live-restore": value}))
        host.reload_engine()
        until(lambda: host.api("GET", "/info")[1]["LiveRestoreEnabled"] is value, "its reload")

    if wanted:
        have(True)
    try:
        yield
    finally:
        if wanted:
            have(False)


def end_engine(host: LabHost, how: str) -> None:
    """Stop the engine in order, or kill it."""
    if how == "kill":
        host.kill_engine()
    else:
        host.stop_engine()


@pytest.mark.parametrize("how", ["restart", "kill"])
@pytest.mark.parametrize("survive", [False, True], ids=["no-live-restore", "live-restore"])
def test_what_an_engine_brings_back_is_evaluated_before_it_runs(
    trials: Trials, host: LabHost, good: BuiltImage, pull_image: Maker, how: str, survive: bool
) -> None:
    """An approval is withdrawn while the engine is down; restart=always brings both back."""
    agent, image = trials.agent, pull_image()
    agent.allow(good, image)
    with live_restore(host, survive):
        stays, goes = trials.run(good, *COMES_BACK), trials.run(image, *COMES_BACK)
        trials.runs(stays)
        trials.runs(goes)
        first = goes.probe.wait().first_ns
        end_engine(host, how)
        agent.allow(good)
        host.start_engine()
        agent.until(agent.stands, "the agent to see the engine again")
        finding = agent.finding(goes.name)
        assert finding["decision"]["verdict"] == "unlisted"
        # Killed while the engine was away: then the kernel did it, and the engine was not informed.
        assert "engine" in finding["outcome"]["error"] or finding["outcome"]["error"] == ""
        assert finding["outcome"]["action"] == "kill"
        agent.until(lambda: not goes.probe.alive(), "its end")
        if not survive:
            assert goes.probe.wait().first_ns == first, "it ran again"
        agent.until(stays.probe.alive, "the approved one to run")
        assert agent.findings(name=stays.name) == []
        time.sleep(0.5)  # a restart policy would have brought it back
        assert not goes.probe.alive()
        assert state(host, goes.name) != "running"
        nothing_stays_frozen(host)


@pytest.mark.parametrize("survive", [False, True], ids=["no-live-restore", "live-restore"])
def test_an_agent_that_comes_up_before_the_engine_is_ready_for_it(
    make_trials: MakeTrials, host: LabHost, good: BuiltImage, bad: BuiltImage, survive: bool
) -> None:
    """As at boot: unapproved containers with restart=always ran here in observe mode before."""
    trials = make_trials(agent={"mode": "observe"})
    agent = trials.agent
    with live_restore(host, survive):
        stays, goes = trials.run(good, *COMES_BACK), trials.run(bad, *COMES_BACK)
        for trial in (stays, goes):
            trial.probe.wait()
        assert agent.finding(goes.name)["event"] == "container.reported"
        first = goes.probe.wait().first_ns
        host.stop_engine()
        agent.stop()
        agent.configure(agent={"mode": "enforce"})
        agent.start(engine=False)
        host.start_engine()
        agent.until(agent.stands, "the agent to reach the engine")
        agent.until(lambda: len(agent.findings(name=goes.name)) > 1, "its refusal")
        assert agent.findings(name=goes.name)[-1]["outcome"]["action"] == "kill"
        agent.until(lambda: not goes.probe.alive(), "its end")
        if not survive:
            assert goes.probe.wait().first_ns == first, "it ran again"
        agent.until(stays.probe.alive, "the approved one to run")
        assert state(host, goes.name) != "running"


def end_agent(agent: LabAgent, how: str) -> None:
    """End the agent, its gate, or both, as configuration management or a bad day does."""
    gate = agent.gate_pid
    if how == "stop":
        assert agent.stop() == 0
    if how in ("kill", "kill-both"):
        agent.kill()
    if how in ("kill-gate", "kill-both"):
        with contextlib.suppress(ProcessLookupError):  # it ends with the agent by itself
            os.kill(gate, signal.SIGKILL)


@pytest.mark.parametrize("how", ["stop", "kill", "kill-both", "kill-gate"])
def test_what_starts_while_the_agent_is_away_is_evaluated_when_it_is_back(
    trials: Trials, host: LabHost, good: BuiltImage, bad: BuiltImage, how: str
) -> None:
    """Started all the while: before, at and after the agent's end."""
    agent = trials.agent
    trials.runs(stays := trials.run(good))
    swarm: list[tuple[BuiltImage, Trial]] = []
    enough = threading.Event()

    def start_all_the_while() -> None:
        while not enough.is_set():
            for image in (bad, good):
                swarm.append((image, trials.run(image, "--network=none", once=len(swarm) % 4 > 1)))

    def await_starts(number: int) -> None:
        wanted = len(swarm) + number
        until(lambda: len(swarm) >= wanted or starting.done(), f"{number} more starts")

    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(start_all_the_while)
        try:
            await_starts(1)
            end_agent(agent, how)
            nothing_stays_frozen(host)
            await_starts(2)
            if not agent.running:
                agent.start()
            agent.until(agent.stands, "the gate to stand again")
            await_starts(1)
        finally:
            enough.set()
        starting.result()
    for image, trial in swarm:
        if image is bad:
            trials.evaluated(trial)
        else:
            assert trial.done.returncode == 0, trial.done.stderr
            trial.probe.wait()
            assert agent.findings(name=trial.name) == []
    trials.runs(stays)
    nothing_stays_frozen(host)


def test_what_came_and_went_while_the_agent_was_away_is_reported(
    trials: Trials, host: LabHost, good: BuiltImage, bad: BuiltImage
) -> None:
    agent = trials.agent
    agent.stop()
    gone = trials.run(bad, "--rm", once=True)
    ended, waits, runs = trials.run(bad, once=True), trials.create(bad), trials.run(bad)
    for trial in (gone, ended, runs):
        trial.probe.wait()
    agent.start()
    trials.ended(runs, "unlisted")
    assert agent.finding(ended.name)["outcome"]["action"] == "report"
    assert agent.finding(gone.name)["decision"]["verdict"] in ("unlisted", "undetermined")
    host.docker("start", waits.name, check=False)
    trials.never_ran(waits)
    trials.runs(trials.run(good))


def test_more_events_than_the_engine_remembers(
    trials: Trials, host: LabHost, good: BuiltImage, bad: BuiltImage
) -> None:
    """The events of the unapproved ones are forgotten by the time the agent is back."""
    agent = trials.agent
    trials.runs(stays := trials.run(good))
    agent.stop()
    ended, runs = trials.run(bad, once=True), trials.run(bad)
    runs.probe.wait()
    for number in range(REMEMBERED + 60):
        status, _ = host.api("POST", f"/containers/{stays.container}/rename?name=flood-{number}")
        assert status == 204
    agent.start()
    trials.ended(runs, "unlisted")
    assert agent.finding(ended.name)["outcome"]["action"] == "report"
    stays.probe.wait_alive()


def test_a_flood_of_events_while_the_agent_watches_delays_no_evaluation(
    trials: Trials, host: LabHost, good: BuiltImage, bad: BuiltImage
) -> None:
    trials.runs(stays := trials.run(good))
    enough = threading.Event()

    def flood() -> None:
        number = 0
        while not enough.is_set():
            number += 1
            host.api("POST", f"/containers/{stays.container}/rename?name=flood-{number}")

    with ThreadPoolExecutor(1) as pool:
        flooding = pool.submit(flood)
        started = [trials.run(bad, once=True) for _ in range(3)]
        enough.set()
        flooding.result()
    for trial in started:
        trials.never_ran(trial)
    stays.probe.wait_alive()


@pytest.mark.parametrize("after_s", [0.05, 0.2, 0.4])
def test_an_engine_that_hangs_while_containers_start_and_comes_back(
    trials: Trials, host: LabHost, good: BuiltImage, bad: BuiltImage, after_s: float
) -> None:
    trials.runs(stays := trials.run(good))
    images = [bad, good, bad, good]
    with ThreadPoolExecutor(len(images)) as pool:
        starting = [pool.submit(trials.run, image) for image in images]
        time.sleep(after_s)
        host.pause_engine()
        time.sleep(1.5)
        stays.probe.wait_alive()
        host.resume_engine()
        started = [each.result() for each in starting]
    for image, trial in zip(images, started, strict=True):
        if image is bad:
            trials.never_ran(trial)
        else:
            trials.runs(trial)
    trials.runs(stays)


def test_an_agent_started_while_the_engine_hangs(
    make_trials: MakeTrials, host: LabHost, good: BuiltImage, bad: BuiltImage
) -> None:
    trials = make_trials(engine={"timeout_seconds": 2.0})
    agent = trials.agent
    agent.stop()
    stays, goes = trials.run(good), trials.run(bad)
    for trial in (stays, goes):
        trial.probe.wait()
    host.pause_engine()
    agent.start(engine=False)
    time.sleep(0.5)
    host.resume_engine()
    trials.ended(goes, "unlisted")
    agent.until(agent.stands, "the agent to reach the engine")
    trials.runs(stays)
