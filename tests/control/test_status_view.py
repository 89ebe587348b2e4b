"""What the control socket reports, in the shapes that the CLI reads."""

from collections.abc import Mapping
from typing import Any

import pytest

from agent.api.control_api import ControlApi
from agent.api.status_view import REMEMBERED, Memory
from agent.cli.containers.explain import _facts as explain_facts
from agent.cli.status import _facts as status_facts
from core.base_errors import DockwardenError
from tests.control.fake_host import listed
from tests.control.looping import looping
from tests.control.rig import Rig
from tests.fakes.findings import a_finding


@pytest.fixture
def rig() -> Rig:
    """One approved container runs, one was refused."""
    rig = Rig(trusted=listed("app"), settings={"contact": "ops@acme.example"}).begin()
    rig.run("app", "web")
    rig.run("evil", "bad")
    return rig


def text(facts: list[tuple[str, str]]) -> str:
    """What a person would read."""
    return "\n".join(f"{name}: {value}" for name, value in facts)


def test_status_of_a_healthy_agent(rig: Rig) -> None:
    status = rig.status_view().status()
    assert status["degraded"] == []
    assert status["containers"] == {"running": 1, "by_verdict": {"approved": 1}}
    assert status["findings"]["violations"] == 1
    told = text(status_facts(status))
    assert "engine: 28.5.2, cgroup v2 (cgroupfs), classic image store" in told
    assert "sequence 1, 1 approval" in told
    assert "containers: 1 running: 1 approved" in told
    assert "None" not in told


def test_status_of_an_agent_in_trouble(rig: Rig) -> None:
    for number in range(5):
        rig.run("app", f"app-{number}")
    rig.adopt(listed(sequence=2))
    rig.gate.fall("its process was killed")
    rig.disconnect()
    rig.drain()
    rig.adopt(DockwardenError("line 3 is not JSON"))
    rig.drain()
    status = rig.status_view().status()
    told = text(status_facts(status))
    assert "gate: not working: its process was killed" in told
    assert "circuit breaker: OPEN" in told
    assert status["circuit_breaker"]["kills"] == 6
    assert status["circuit_breaker"]["since"].startswith("2026-11-23T12:00")
    assert "engine: does not answer" in told
    assert len(status["degraded"]) == 4


def test_ps_has_the_columns_of_the_cli(rig: Rig) -> None:
    (row,) = rig.status_view().ps()
    assert set(row) == {"id", "name", "image", "state", "verdict", "action", "reason"}
    assert (row["name"], row["state"], row["verdict"]) == ("web", "running", "approved")


@pytest.mark.parametrize("name", ["bad", "id", "short id"])
def test_explain_says_why_a_container_was_refused(rig: Rig, name: str) -> None:
    (finding,) = rig.about("bad")
    assert finding.container
    names = {"id": finding.container.id, "short id": finding.container.id[:12]}
    answer = rig.status_view().explain(names.get(name, name))
    assert (answer["verdict"], answer["action"], answer["enforcement_point"]) == (
        "unlisted",
        "kill",
        "create",
    )
    assert answer["ran_ms"] == 0.0
    assert "caught at enforcement point create" in text(explain_facts(answer))


def test_explain_works_for_one_that_runs(rig: Rig) -> None:
    answer = rig.status_view().explain("web")
    assert (answer["verdict"], answer["action"]) == ("approved", "allow")
    assert answer["contact"] == "ops@acme.example"


def test_explain_prefers_what_is_so_now(rig: Rig) -> None:
    rig.adopt(listed("app", "evil", sequence=2))
    rig.drain()
    rig.run("evil", "bad")
    assert rig.status_view().explain("bad")["verdict"] == "approved"


@pytest.mark.parametrize("name", ["nobody", "", "4b"])
def test_explain_of_nobody_says_what_to_do(rig: Rig, name: str) -> None:
    with pytest.raises(DockwardenError) as caught:
        rig.status_view().explain(name)
    assert caught.value.hint


def test_memory_is_bounded_and_counts_all() -> None:
    memory = Memory()
    for number in range(REMEMBERED + 10):
        memory.add(a_finding(number))
    assert (memory.violations, len(memory.recent)) == (REMEMBERED + 10, REMEMBERED)
    assert memory.find("web-0") is None
    assert memory.find(f"web-{REMEMBERED}") is not None


def test_verbs_are_answered_on_the_loop_for_other_threads(rig: Rig) -> None:
    with looping() as loop:
        control_api = ControlApi(rig.status_view(), loop)
        everyone: Mapping[str, Any] = control_api.for_everyone()
        root = control_api.for_root()
        assert list(everyone) == ["explain"]
        break_glass = {f"break-glass-{what}" for what in ("request", "apply", "status", "end")}
        lists = {"sync", "sync-outcome"}
        others = {"explain", "status", "ps", "rescan", "restore", "reload"}
        others |= {"reset-circuit-breaker", "selftest-result"}
        assert set(root) == others | lists | break_glass
        assert root["status"]({})["mode"] == "enforce"
        assert [row["name"] for row in root["ps"]({})] == ["web"]
        assert everyone["explain"]({"container": "/bad"})["verdict"] == "unlisted"
        assert root["rescan"]({}) is None
        with pytest.raises(DockwardenError):
            everyone["explain"]({"container": 7})
    assert rig.ready() == ["job"]
