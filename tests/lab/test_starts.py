"""Every way of starting a container: what is not approved never runs, what is approved runs freely.

The agent enforces on a real engine; the probe says whether user code ran.
"""

from __future__ import annotations

import http
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.lab.host import LabHost
from tests.lab.images import BuiltImage
from tests.lab.trials import Trial, Trials, state

RESTART_S = 1.2  # the engine's restart policy waits 100 ms, then 200, then 400
AT_ONCE = 200
# What runc says of a container whose process was killed before it could start.
KILLED = ("PID from pipe", "signal: killed", "connection reset")


def test_an_approved_image_runs_and_an_unapproved_one_never_does(
    trials: Trials, good: BuiltImage, bad: BuiltImage
) -> None:
    approved = trials.run(good)
    finding = trials.never_ran(trials.run(bad))
    assert finding["outcome"]["enforcement_point"] in ("create", "gate")
    trials.runs(approved)


@pytest.mark.parametrize("below", ["elsewhere/deep", "system.slice/docker-x.slice"])
def test_another_cgroup_parent_hides_nothing(
    trials: Trials, host: LabHost, good: BuiltImage, bad: BuiltImage, below: str
) -> None:
    parent = ("--cgroup-parent", f"/{host.name}/{below}")
    approved = trials.run(good, *parent)
    trials.never_ran(trials.run(bad, *parent))
    trials.runs(approved)


@pytest.mark.parametrize(
    "options",
    [
        ("--pid=host",),
        ("--network=host", "--ipc=host", "--uts=host"),
        ("--privileged=false", "--cap-add=NET_ADMIN", "--security-opt=seccomp=unconfined"),
        ("--init",),
        ("--read-only", "--user=65534"),
    ],
    ids=lambda options: options[0].lstrip("-"),
)
def test_no_option_of_run_helps(
    trials: Trials, good: BuiltImage, bad: BuiltImage, options: tuple[str, ...]
) -> None:
    trials.never_ran(trials.run(bad, *options))
    if "--read-only" not in options:  # its user may not write the probe's file
        trials.runs(trials.run(good, *options))


def test_what_was_only_created_is_removed_before_anyone_can_start_it(
    trials: Trials, host: LabHost, bad: BuiltImage
) -> None:
    trial = trials.create(bad)
    finding = trials.never_ran(trial)
    assert finding["outcome"]["enforcement_point"] == "create"
    assert state(host, trial.name) == "absent"
    assert host.docker("start", trial.name, check=False).returncode != 0


def test_what_is_kept_for_inspection_is_refused_at_its_start(
    make_trials: Callable[..., Trials], host: LabHost, bad: BuiltImage
) -> None:
    trials = make_trials(enforcement={"keep_refused": True})
    trial = trials.create(bad)
    host.docker("rename", trial.name, f"{trial.name}-renamed")
    trial.name += "-renamed"
    assert state(host, trial.name) == "created"
    host.docker("start", trial.name, check=False)
    finding = trials.never_ran(trial)
    assert finding["outcome"]["enforcement_point"] == "gate"
    assert state(host, trial.name) in ("created", "exited")


def test_no_restart_policy_brings_it_back(trials: Trials, host: LabHost, bad: BuiltImage) -> None:
    trial = trials.run(bad, "--restart=always")
    trials.never_ran(trial)
    time.sleep(RESTART_S)
    trials.never_ran(trial)
    assert state(host, trial.name) != "running"


def test_a_restarting_approved_container_is_never_disturbed(
    trials: Trials, host: LabHost, good: BuiltImage
) -> None:
    trial = trials.run(good, "--restart=always", "--stop-timeout=0")
    trials.runs(trial)
    first = trial.probe.wait().first_ns
    host.docker("restart", "-t", "0", trial.name)
    trials.agent.until(lambda: trial.probe.wait().first_ns != first, "the restart")
    trials.runs(trial)
    host.docker("stop", "-t", "0", trial.name)
    assert not trial.probe.alive()
    host.docker("start", trial.name)
    host.docker("pause", trial.name)
    assert not trial.probe.alive()
    host.docker("unpause", trial.name)
    host.docker("rename", trial.name, f"{trial.name}-renamed")
    trials.runs(trial)
    host.run(["kill", "-9", str(host.inspect(trial.name + "-renamed")["State"]["Pid"])])
    trials.agent.until(trial.probe.alive, "its restart policy to bring it back")


def test_code_that_lives_for_less_than_a_millisecond_does_not_slip_through(
    trials: Trials, good: BuiltImage, bad: BuiltImage
) -> None:
    for _ in range(5):
        trials.never_ran(trials.run(bad, once=True))
    approved = trials.run(good, once=True)
    approved.probe.wait()
    assert trials.agent.findings(name=approved.name) == []


def test_rm_leaves_a_finding_and_no_container(
    trials: Trials, host: LabHost, good: BuiltImage, bad: BuiltImage
) -> None:
    trial = trials.run(bad, "--rm", once=True)
    trials.never_ran(trial)
    trials.agent.until(lambda: state(host, trial.name) == "absent", "its removal")
    approved = trials.run(good, verb=("run", "--rm"), once=True)
    assert approved.done.returncode == 0
    assert approved.probe.ran


def test_a_terminal_session_by_script(
    trials: Trials, host: LabHost, good: BuiltImage, bad: BuiltImage
) -> None:
    def typed(image: BuiltImage, name: str) -> str:
        docker = host.engine.program("docker")
        line = f"{docker} run -it --rm --name {name} {image.reference()} echo $((40+2))!"
        return host.run(["script", "-qec", line, "/dev/null"], check=False).stdout

    assert "42!" in typed(good, "typed-good")
    assert "42!" not in typed(bad, "typed-bad")
    assert trials.agent.finding("typed-bad")["outcome"]["ran_ms"] == 0.0


def test_healthchecks_and_exec_of_approved_ones_work(
    trials: Trials, host: LabHost, good: BuiltImage
) -> None:
    trial = trials.run(good, "--health-cmd=true", "--health-interval=1s")
    trials.runs(trial)
    assert host.docker("exec", trial.name, "echo", "inside").stdout == "inside\n"
    trials.agent.until(
        lambda: host.inspect(trial.name)["State"]["Health"]["Status"] == "healthy", "its health"
    )
    trials.runs(trial)


def test_a_burst_as_compose_makes_it(
    trials: Trials,
    host: LabHost,
    good: BuiltImage,
    bad: BuiltImage,
    pull_image: Callable[..., BuiltImage],
) -> None:
    """Several services of several images on one network, with links, started all together."""
    other = pull_image()
    trials.agent.allow(good, other)
    host.docker("network", "create", "burst")
    try:
        first = trials.run(good, "--network=burst", "--network-alias=db")
        trials.runs(first)
        services = [good, bad, other, bad, good, other, bad, good, bad, other]

        def start(image: BuiltImage) -> tuple[BuiltImage, Trial]:
            link = ("--link", f"{first.name}:db", "--label", "com.docker.compose.project=burst")
            return image, trials.run(image, "--network=burst", *link)

        with ThreadPoolExecutor(len(services)) as pool:
            started = list(pool.map(start, services))
        for image, trial in started:
            if image is bad:
                trials.never_ran(trial)
            else:
                trials.runs(trial)
        trials.runs(first)
    finally:
        host.remove_containers()
        host.docker("network", "rm", "burst", check=False)


def test_two_hundred_starts_at_once(
    trials: Trials, host: LabHost, good: BuiltImage, bad: BuiltImage
) -> None:
    """By back-to-back calls of the raw API: no unapproved one runs, every approved one does.

    A host this busy may fail a start by itself (containerd's shim has time limits of its own): that
    is warned of and tried again, unless runc says that its process was killed, as the gate does.
    """

    def start(number: int) -> tuple[BuiltImage, Trial, int, Any]:
        image, name = (good, bad)[number % 2], f"swarm-{number}"
        trial = Trial(name, trials.probe())
        body = trials.body(image, trial.probe, once=True)
        status, answer = host.api("POST", f"/containers/create?name={name}", body, timeout_s=120)
        if status == http.HTTPStatus.CREATED:
            path = f"/containers/{answer['Id']}/start"
            status, answer = host.api("POST", path, timeout_s=120)
            if image is good and status == http.HTTPStatus.INTERNAL_SERVER_ERROR:
                warnings.warn(f"the engine failed to start {name}: {answer}", stacklevel=1)
                if not any(words in str(answer) for words in KILLED):
                    status, answer = host.api("POST", path, timeout_s=120)
        return image, trial, status, answer

    with ThreadPoolExecutor(AT_ONCE) as pool:
        started = list(pool.map(start, range(AT_ONCE)))
    ran = [trial.name for image, trial, _, _ in started if image is bad and trial.probe.ran]
    assert ran == []
    failed = [
        (trial.name, status, answer)
        for image, trial, status, answer in started
        if image is good and status != http.HTTPStatus.NO_CONTENT
    ]
    assert failed == []
    for image, trial, _, _ in started:
        if image is good:
            trial.probe.wait()
            assert trials.agent.findings(name=trial.name) == []
        else:
            # A host this busy may take longer to remove it than the agent waits, which then says
            # so, and tries again.
            trials.agent.finding(trial.name)
            found = trials.agent.findings(name=trial.name)
            assert {one["outcome"]["ran_ms"] for one in found} == {0.0}
            assert {one["decision"]["verdict"] for one in found} == {"unlisted"}
