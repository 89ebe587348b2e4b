"""The list changes, breaks, ends, or was wrong: what that does to containers that run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.allowlist.allowlist import Constraints, Level, Waiver
from core.image.digest import Digest
from tests.lab.agent import SCOPE, approve, deny
from tests.lab.host import LabHost
from tests.lab.images import BuiltImage
from tests.lab.trials import Trials, state

Maker = Callable[..., BuiltImage]
MakeTrials = Callable[..., Trials]
VIOLATIONS = 3  # the exit code of `dockwarden status` when the agent is degraded
BROKEN = b'{"version": 1, "sequence": 99, "levels": [{"scope": "ac'


@pytest.mark.parametrize("verdict", ["unlisted", "denied", "revoked"])
def test_what_a_new_list_no_longer_allows_is_ended(
    trials: Trials, good: BuiltImage, pull_image: Maker, verdict: str
) -> None:
    agent, image = trials.agent, pull_image()
    agent.allow(good, image)
    stays, goes = trials.run(good), trials.run(image)
    trials.runs(stays)
    trials.runs(goes)
    if verdict == "unlisted":
        agent.allow(good)
    else:
        agent.allow(good, image, denies=[deny(image, revoked=verdict == "revoked")])
    finding = trials.ended(goes, verdict)
    assert finding["outcome"]["enforcement_point"] == "rescan"
    assert finding["outcome"]["ran_ms"] is None or finding["outcome"]["ran_ms"] > 0
    trials.never_ran(trials.run(image), verdict)
    trials.runs(stays)


def test_a_newly_approved_image_may_start_at_once(
    trials: Trials, good: BuiltImage, pull_image: Maker
) -> None:
    image = pull_image()
    trials.never_ran(trials.run(image))
    trials.agent.allow(good, image)
    trials.runs(trials.run(image))


def test_a_broken_list_keeps_the_last_good_one_in_force(
    trials: Trials, good: BuiltImage, bad: BuiltImage
) -> None:
    agent = trials.agent
    trials.runs(running := trials.run(good))
    before = agent.status()["allowlist"]["sequence"]
    known = len(agent.findings(event="list.rejected"))
    agent.write_list(BROKEN)
    agent.until(lambda: len(agent.findings(event="list.rejected")) > known, "the rejection")
    status = agent.cli("status")
    assert status.returncode == VIOLATIONS
    assert "allowlist.json" in status.stdout
    assert agent.status()["allowlist"]["sequence"] == before
    assert agent.status()["degraded"]
    trials.runs(running)
    trials.runs(trials.run(good))
    trials.never_ran(trials.run(bad))
    agent.allow(good)
    assert agent.cli("status").returncode == 0


def test_a_list_that_others_may_write_is_not_believed(
    trials: Trials, host: LabHost, good: BuiltImage, bad: BuiltImage
) -> None:
    agent = trials.agent
    known = len(agent.findings(event="list.rejected"))
    host.path("/etc/dockwarden").chmod(0o777)
    try:
        agent.allow(good, bad, wait=False)
        agent.until(lambda: len(agent.findings(event="list.rejected")) > known, "the rejection")
        trials.never_ran(trials.run(bad))
    finally:
        host.path("/etc/dockwarden").chmod(0o755)
        agent.allow(good)


def test_an_agent_that_starts_with_a_broken_list_uses_the_last_good_one(
    trials: Trials, good: BuiltImage, bad: BuiltImage
) -> None:
    agent = trials.agent
    trials.runs(running := trials.run(good))
    assert agent.stop() == 0
    agent.write_list(BROKEN)
    agent.start()
    assert agent.status()["degraded"]
    trials.runs(running)
    trials.runs(trials.run(good))
    trials.never_ran(trials.run(bad))


def test_a_wrong_list_opens_the_circuit_breaker_and_a_person_resets_it(
    trials: Trials, host: LabHost, good: BuiltImage, pull_image: Maker
) -> None:
    agent, other = trials.agent, pull_image()
    agent.allow(good, other)
    running = [trials.run(image) for image in (good, other, good, other)]
    for trial in running:
        trials.runs(trial)
    agent.publish(Level(SCOPE))
    agent.until(lambda: agent.status()["circuit_breaker"]["open"], "the circuit breaker")
    for trial in running:
        finding = agent.finding(trial.name)
        assert (finding["event"], finding["outcome"]["breaker_open"]) == (
            "container.reported",
            True,
        )
    assert all(trial.probe.alive() for trial in running)
    assert agent.findings(event="circuit_breaker.opened")[-1]["kind"] == "alarm"
    assert agent.cli("status").returncode == VIOLATIONS
    assert agent.cli("circuit-breaker", "reset").returncode == 0
    for trial in running:
        trials.ended(trial, "unlisted")
        assert state(host, trial.name) == "exited"
    assert not agent.status()["circuit_breaker"]["open"]


def test_a_corrected_list_releases_the_brake(trials: Trials, good: BuiltImage) -> None:
    agent = trials.agent
    running = [trials.run(good) for _ in range(3)]
    agent.publish(Level(SCOPE))
    agent.until(lambda: agent.status()["circuit_breaker"]["open"], "the circuit breaker")
    agent.allow(good)
    assert not agent.status()["circuit_breaker"]["open"]
    assert all(trial.probe.alive() for trial in running)


def test_the_brake_saves_nothing_that_was_denied_by_name(
    trials: Trials, good: BuiltImage, pull_image: Maker
) -> None:
    agent, image = trials.agent, pull_image()
    agent.allow(good, image)
    running = [trials.run(image) for _ in range(4)]
    for trial in running:
        trial.probe.wait()
    agent.allow(good, denies=[deny(image)])
    for trial in running:
        trials.ended(trial, "denied")
    assert not agent.status()["circuit_breaker"]["open"]


@pytest.mark.parametrize("action", ["report", "kill"])
def test_an_approval_may_end_while_its_image_runs(
    make_trials: MakeTrials, pull_image: Maker, action: str
) -> None:
    trials, image = make_trials(enforcement={"actions": {"expired": action}}), pull_image()
    trials.agent.publish(Level(SCOPE, (approve(image, expires_in=timedelta(seconds=4)),)))
    trials.runs(trial := trials.run(image))
    if action == "kill":
        trials.ended(trial, "expired")
        return
    finding = trials.agent.finding(trial.name)
    assert finding["event"] == "container.reported"
    assert finding["decision"]["verdict"] == "expired"
    trial.probe.wait_alive()


def test_this_hosts_own_exemption_lets_one_image_run(
    make_trials: MakeTrials, good: BuiltImage, bad: BuiltImage, pull_image: Maker
) -> None:
    exempt, denied = pull_image(), pull_image()
    trials = make_trials(enforcement={"exemptions": exemptions(exempt, denied)})
    trials.agent.allow(good, denies=[deny(denied)])
    trial = trials.run(exempt)
    trial.probe.wait()
    finding = trials.agent.finding(trial.name)
    assert finding["decision"]["verdict"] == "waived"
    assert finding["decision"]["scope"] == "host"
    trial.probe.wait_alive()
    trials.never_ran(trials.run(denied), "denied")
    trials.never_ran(trials.run(bad))


def test_a_waiver_lifts_a_deny_of_its_own_level_only(
    trials: Trials, good: BuiltImage, pull_image: Maker
) -> None:
    lifted, kept = pull_image(), pull_image()
    digests = [frozenset(map(Digest.parse, image.digests)) for image in (lifted, kept)]
    until = datetime.now(UTC) + timedelta(hours=1)
    waivers = [Waiver(each, "deny", "release night", "carol", until) for each in digests]
    top = Level(SCOPE, (approve(good),), (deny(kept),))
    below = Level(f"{SCOPE}.pay", (approve(lifted), approve(kept)), (deny(lifted),), tuple(waivers))
    trials.agent.publish(top, below)
    trial = trials.run(lifted)
    trial.probe.wait()
    assert trials.agent.finding(trial.name)["decision"]["verdict"] == "waived"
    trials.never_ran(trials.run(kept), "denied")


def test_four_levels_each_have_their_say(trials: Trials, pull_image: Maker) -> None:
    at_bottom, denied, unscanned, at_top = (pull_image() for _ in range(4))
    scanned = [
        replace(approve(image), scanners=frozenset({"trivy"})) for image in (at_bottom, denied)
    ]
    trials.agent.publish(
        Level("acme", (approve(at_top),), (deny(denied),)),
        Level("acme.pay", constraints=Constraints(required_scanners=frozenset({"trivy"}))),
        Level("acme.pay.web"),
        Level("acme.pay.web.cart", (*scanned, approve(unscanned))),
    )
    trials.runs(trials.run(at_top))
    trials.runs(trials.run(at_bottom))
    refused = trials.never_ran(trials.run(denied), "denied")
    assert refused["decision"]["scope"] == "acme"
    refused = trials.never_ran(trials.run(unscanned))
    assert "acme.pay demands" in refused["decision"]["reason"]


def exemptions(*images: BuiltImage) -> list[dict[str, str]]:
    """This host's exemptions for images, by whatever digest its store computes."""
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    common = {"reason": "migration", "owner": "carol", "expires": until}
    return [{"digest": digest, **common} for image in images for digest in sorted(image.digests)]
