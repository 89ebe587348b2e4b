"""`doctor` against what this machine really has, and a real control socket."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.config import Config
from agent.config.config_values import AgentConfig
from agent.config.lockdown_config import LockdownConfig, RegistryConfig
from agent.doctor import Result, State, agent_checks, machine_checks, service_checks
from tests.cli.conftest import Host
from tests.cli.test_ask_agent import STATUS


def _checks(host: Host) -> dict[str, dict[str, Any]]:
    answer = json.loads(host.run("doctor", "-o", "json").stdout)
    return {result["check"]: result for result in answer["checks"]}


def test_every_failure_comes_with_a_fix(host: Host) -> None:
    result = host.run("doctor", "-o", "json")
    assert result.exit_code == 3
    answer = json.loads(result.stdout)
    assert not answer["ok"]
    failed = [check for check in answer["checks"] if check["state"] == "failed"]
    assert {"engine", "agent"} <= {check["check"] for check in failed}
    assert all(check["fix"] for check in failed)


def test_a_wrong_configuration_does_not_end_it(host: Host) -> None:
    host.configure("[agent]\nmod = 1\n")
    checks = _checks(host)
    assert "did you mean mode?" in checks["configuration"]["found"]
    assert "kernel" in checks


def test_the_running_agent_is_believed(host: Host) -> None:
    host.serve({"status": lambda _: {**STATUS, "mode": "observe", "degraded": ["no room"]}})
    checks = _checks(host)
    assert checks["agent"]["state"] == "ok"
    assert checks["gate"]["state"] == "ok"
    assert checks["degraded"]["found"] == "no room"


def test_text_names_check_state_and_fix(host: Host) -> None:
    lines = host.run("doctor").stdout.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("failed   engine"))
    assert lines[at + 1].strip().startswith("fix: ")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ({}, State.SKIPPED),
        ({"allowlist": {"sequence": None}}, State.FAILED),
        ({"allowlist": {"sequence": 3, "freshness": "fresh"}}, State.OK),
        ({"allowlist": {"sequence": 3, "freshness": "too stale"}}, State.FAILED),
        ({"allowlist": {"sequence": 3, "freshness": "fresh", "error": "bad"}}, State.WARNING),
    ],
)
def test_allowlist(status: dict[str, Any], state: State) -> None:
    assert agent_checks.allowlist(status).state is state


def test_a_configuration_that_waits_is_reported(host: Host) -> None:
    waits = {"configuration": {"error": "", "needs_restart": ["sinks.queue"]}}
    host.serve({"status": lambda _: {**STATUS, **waits, "mode": "observe"}})
    check = _checks(host)["agent"]
    assert check["state"] == "warning" and "sinks.queue" in check["found"]


def test_a_lockdown_that_is_not_in_place() -> None:
    config = Config(registry=RegistryConfig("https://images.acme.test"))
    row = {"layer": "files", "in_place": False, "error": "", "drift": ["x is missing"]}
    results = list(agent_checks.lockdown(config, {"mode": "enforce", "lockdown": [row]}))
    assert Result(
        "lockdown files", State.FAILED, "x is missing", "dockwarden plan shows the whole difference"
    ) in (results)


def test_an_old_kernel() -> None:
    assert machine_checks.kernel("4.18.0-553.el8", "2").state is State.FAILED
    assert machine_checks.kernel("4.18.0-553.el8", "1").state is State.OK
    assert machine_checks.kernel("6.1.0-18-amd64", "2").state is State.OK


def test_what_others_may_write(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.touch()
    file.chmod(0o666)
    config = Config(agent=AgentConfig(state_dir=str(tmp_path)))
    result = machine_checks.permissions(config, (str(file),))
    assert result.state is State.FAILED and f"chmod go-w {file}" in result.fix


def test_a_backup_without_a_mirror_is_a_leftover(tmp_path: Path) -> None:
    (tmp_path / "daemon.json").touch()
    config = replace(Config(), lockdown=LockdownConfig(backup_dir=str(tmp_path)))
    result = agent_checks.leftovers(config, {"mode": "observe"})
    assert (result.state, result.fix) == (State.WARNING, "sudo dockwarden restore")


def test_nobody_answers() -> None:
    result = service_checks.reachable("registry", "https://127.0.0.1:1", "", "", {})
    assert result.state is State.FAILED and "127.0.0.1:1" in result.found


def test_the_services_variables_decide_about_the_route() -> None:
    command = [sys.executable, "-c", "input()"]
    told = {"https_proxy": "http://proxy.acme.test:3128", "EMPTY": ""}
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=told) as child:
        assert service_checks.environment_of(str(child.pid)).items() >= told.items()
        child.kill()
    assert service_checks.environment_of("0") == {}
