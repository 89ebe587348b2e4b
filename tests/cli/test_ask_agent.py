"""`status`, `ps`, `explain` and `circuit-breaker reset` against a real control socket."""

import json
from typing import Any

import pytest

from tests.cli.conftest import Host

STATUS: dict[str, Any] = {
    "version": "0.1.0",
    "mode": "enforce",
    "since": "2026-11-23T10:00:00+00:00",
    "engine": {
        "version": "28.5.2",
        "connected": True,
        "cgroup_version": "2",
        "cgroup_driver": "systemd",
        "containerd_store": True,
    },
    "allowlist": {
        "sequence": 42,
        "origin": "file:/x",
        "signed": False,
        "approvals": 7,
        "loaded_at": "2026-11-23T10:00:00+00:00",
        "error": "",
    },
    "gate": {"working": True, "reason": ""},
    "circuit_breaker": {"open": False, "since": None, "kills": 0},
    "containers": {"running": 3, "by_verdict": {"approved": 2, "unlisted": 1, "denied": 0}},
    "findings": {"violations": 1, "alarms": 0, "last": "2026-11-23T10:01:00+00:00"},
    "degraded": [],
    "rss_mib": 31.5,
}
REFUSED = {
    "name": "web",
    "id": "4f5a1c09" * 8,
    "image": "registry.acme.example/web:1.3",
    "verdict": "unlisted",
    "reason": "Nobody approved this image.",
    "action": "kill",
    "enforcement_point": "gate",
    "ran_ms": None,
    "at": "2026-11-23T10:01:00+00:00",
    "nearest": ["registry.acme.example/web:1.2"],
    "next_step": "docker pull registry.acme.example/web:1.2",
    "contact": "ops@acme.example",
    "scope": "acme",
    "signers": ["ann", "bob"],
    "count": 4,
}


def _record(**changes: Any) -> dict[str, Any]:
    record = {
        "id": "1",
        "at": "2026-11-23T10:01:00.000000Z",
        "kind": "violation",
        "violation_id": "v1",
        "occurrence": 2,
        "next_step": "ask ops",
        "container": {"id": REFUSED["id"], "name": "web"},
        "decision": {"verdict": "denied", "reason": "No.", "scope": "acme"},
        "outcome": {"action": "kill", "enforcement_point": "create"},
    }
    return record | changes


def test_a_healthy_agent(host: Host) -> None:
    host.serve({"status": lambda _: STATUS})
    result = host.run("status")
    assert result.exit_code == 0
    for told in (
        "0.1.0, enforce mode",
        "28.5.2, cgroup v2 (systemd), containerd image store",
        "sequence 42, 7 approvals, unsigned",
        "3 running: 2 approved, 1 unlisted",
        "1 violation, 0 alarms",
        "31.5 MiB",
    ):
        assert told in result.stdout


def test_a_degraded_agent_says_why(host: Host) -> None:
    sick = STATUS | {
        "degraded": ["the gate does not stand", "the list is stale"],
        "gate": {"working": False, "reason": "no cgroup"},
        "circuit_breaker": {"open": True, "since": "2026-11-23T10:00:00+00:00", "kills": 11},
        "engine": {"connected": False},
    }
    host.serve({"status": lambda _: sick})
    result = host.run("status")
    assert result.exit_code == 3
    for told in ("not working: no cgroup", "the list is stale", "does not answer", "OPEN since"):
        assert told in result.stdout
    assert json.loads(host.run("status", "--output", "json").stdout) == sick


def test_an_agent_of_another_version_is_printed_all_the_same(host: Host) -> None:
    host.serve({"status": lambda _: {"version": "9"}, "ps": lambda _: [{"name": "x", "new": 1}]})
    assert host.run("status").exit_code == 0
    assert host.run("ps").exit_code == 0


@pytest.mark.parametrize("command", [("status",), ("ps",), ("circuit-breaker", "reset")])
def test_no_agent_is_said_with_what_to_do(host: Host, command: tuple[str, ...]) -> None:
    result = host.run(*command)
    assert result.exit_code == 1
    assert "dockwarden: error: no agent is running" in result.stderr
    assert "hint: start it with: systemctl start dockwarden" in result.stderr
    assert result.stdout == ""


def test_ps_lists_in_columns_and_lets_no_control_character_pass(host: Host) -> None:
    row = {
        "id": "a" * 64,
        "name": "evil\x1b[2J\u202e",
        "image": "x",
        "state": "running",
        "verdict": "unlisted",
        "reason": "r",
        "action": "report",
    }
    host.serve({"ps": lambda _: [row]})
    result = host.run("ps")
    header, line = result.stdout.splitlines()
    assert header.split() == ["ID", "NAME", "IMAGE", "STATE", "VERDICT", "ACTION"]
    assert line.startswith("a" * 12 + "  ") and line.isprintable()
    assert header.index("VERDICT") == line.index("unlisted")
    assert json.loads(host.run("ps", "-o", "json").stdout) == [row]
    assert host.run("ps", "-o", "json").stdout.isascii()


def test_explain_says_what_a_refused_user_can_do(host: Host) -> None:
    host.serve({"explain": lambda args: REFUSED if args["container"] == "web" else None})
    result = host.run("explain", "web")
    assert result.exit_code == 3
    for told in (
        "Nobody approved",
        "killed, caught at enforcement point gate (4 times",
        "ops@acme.example",
    ):
        assert told in result.stdout
    unknown = host.run("explain", "nobody")
    assert unknown.exit_code == 1 and "docker ps -a" in unknown.stderr


@pytest.mark.parametrize(
    ("ran_ms", "told"),
    [(0.0, "it was refused before its first instruction"), (3.21, "it was killed after 3.2 ms")],
)
def test_explain_shows_whether_anything_ran(host: Host, ran_ms: float, told: str) -> None:
    host.serve({"explain": lambda _: REFUSED | {"ran_ms": ran_ms}})
    assert told in host.run("explain", "web").stdout


def test_explain_of_what_runs_is_fine(host: Host) -> None:
    fine = REFUSED | {"action": "allow", "verdict": "approved"}
    host.serve({"explain": lambda _: fine})
    assert host.run("explain", "web").exit_code == 0


@pytest.mark.parametrize("name", ["web", "/web", "4f5a1c09"])
def test_root_gets_an_explanation_without_the_agent(host: Host, name: str) -> None:
    earlier = _record(decision={"verdict": "unlisted", "reason": "Earlier.", "scope": ""})
    other = _record(container={"id": "ffff", "name": "other"})
    host.record(earlier, _record(), other)
    result = host.run("explain", name, "-o", "json")
    assert result.exit_code == 3
    answer = json.loads(result.stdout)
    assert (answer["verdict"], answer["reason"], answer["count"]) == ("denied", "No.", 2)
    assert "no agent is running" in result.stderr
    assert set(answer) == set(REFUSED)


def test_a_reset_circuit_breaker_is_reported(host: Host) -> None:
    released: list[bool] = []
    host.serve({"reset-circuit-breaker": lambda _: released.append(True)})
    assert host.run("circuit-breaker", "reset").exit_code == 0
    assert released == [True]
