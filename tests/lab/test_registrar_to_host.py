"""From nothing to a list that a host lives by, with the program that administrators use."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lab.administrators import ADMINISTRATORS, Administrators
from tests.lab.agent import LabAgent
from tests.lab.host import LabHost
from tests.lab.images import BuiltImage
from tests.lab.registry import Registry
from tests.lab.trials import Trials

Maker = Callable[..., BuiltImage]


@pytest.fixture
def administrators(host: LabHost, tmp_path: Path) -> Iterator[Administrators]:
    """An empty list, signed by both and published."""
    found = Administrators(host, f"approved-{tmp_path.name}")
    found.first_ceremony()
    yield found
    shutil.rmtree(found.folder, ignore_errors=True)


@pytest.fixture
def guarded(
    host: LabHost,
    administrators: Administrators,
    make_agent: Callable[..., LabAgent],
    tmp_path: Path,
) -> Trials:
    """An enforcing agent with that list."""
    agent = make_agent(allowlist=administrators.settings)
    administrators.give_root()  # an agent that is new begins without files
    synced(agent)
    return Trials(host, agent, tmp_path)


def synced(agent: LabAgent) -> None:
    """Sync now."""
    done = agent.cli("sync", "--wait")
    assert done.returncode == 0, done.stderr + agent.words()


def test_two_administrators_approve_and_revoke(
    registry: Registry,
    administrators: Administrators,
    guarded: Trials,
    good: BuiltImage,
    bad: BuiltImage,
) -> None:
    registry.push(good)
    reference = f"{registry.address}/{good.repository}:{good.tag}"
    trials, agent = guarded, guarded.agent
    trials.never_ran(trials.run(good))

    administrators.approve(reference)
    administrators.run("sign", "--key", ADMINISTRATORS[0], "--yes")
    administrators.run("publish", "--ready")
    synced(agent)
    trials.never_ran(trials.run(good))  # one signature of two is none

    administrators.sign_and_publish()
    synced(agent)
    trials.runs(running := trials.run(good))
    trials.never_ran(trials.run(bad))
    checked = json.loads(agent.cli("check", good.reference(), "-o", "json").stdout)[0]
    assert set(checked["signers"]) == set(ADMINISTRATORS)

    administrators.revoke(reference, reason="SEC-204: it holds a backdoor")
    administrators.sign_and_publish()
    finding = trials.ended(running, "revoked")
    assert finding["decision"]["scope"] == "acme"
    assert "SEC-204" in finding["decision"]["reason"]
    administrators.run("verify")
