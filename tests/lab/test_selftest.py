"""The selftest on a real engine: passes where enforcement works, else fails; leaves nothing."""

from __future__ import annotations

import json
from typing import Any

from tests.lab.agent import LabAgent
from tests.lab.host import LabHost
from tests.lab.trials import Trials


def _selftest(agent: LabAgent) -> tuple[int, dict[str, Any]]:
    done = agent.cli("selftest", "--output", "json")
    checks = {check["check"]: check for check in json.loads(done.stdout)["checks"]}
    return done.returncode, checks


def _left(host: LabHost) -> list[Any]:
    containers = host.api("GET", "/containers/json?all=1")[1]
    images = host.api("GET", "/images/json?all=1")[1]
    names = [name for each in containers for name in each["Names"]]
    names += [tag for each in images for tag in each.get("RepoTags") or []]
    return [name for name in names if "selftest" in name]


def test_it_passes_where_enforcement_works(trials: Trials, host: LabHost) -> None:
    code, checks = _selftest(trials.agent)
    assert checks["unlisted image"]["found"] == "stopped before its first instruction"
    assert checks["finding"]["state"] == "ok"
    assert code == 0
    assert _left(host) == []
    found = [f for f in trials.agent.findings() if "selftest" in str(f["container"])]
    assert found and found[-1]["outcome"]["ran_ms"] == 0


def test_it_fails_where_the_image_runs(trials: Trials, host: LabHost) -> None:
    """Enforcing by name, with an action that lets unlisted images run."""
    agent = trials.agent
    agent.configure(enforcement={"actions": {"unlisted": "report"}})
    agent.cli("reload", check=True)
    try:
        code, checks = _selftest(agent)
        assert code == 3
        assert "RAN" in checks["unlisted image"]["found"]
        assert _left(host) == []
        assert any("selftest" in reason for reason in agent.status()["degraded"])
        assert agent.findings(event="selftest.failed")
    finally:
        agent.configure(enforcement={"actions": {"unlisted": "kill"}})
        agent.cli("reload", check=True)
    assert _selftest(agent)[0] == 0
    assert agent.status()["degraded"] == []
