"""What the agent measures: counts, and labels that stay few."""

import re
from dataclasses import replace
from typing import Any

from agent.errors import SinkFailed
from agent.ports import SinkState
from agent.reporting.finding_counters import FindingCounters
from agent.reporting.metrics_publisher import Measurer
from agent.reporting.metrics_text import Snapshot, exposition
from core.decision.verdict import Action, EnforcementPoint
from core.findings.finding import Finding, Outcome
from tests.fakes.clock import START, FakeClock
from tests.fakes.findings import a_finding

STATUS: dict[str, Any] = {
    "version": "1.2.3",
    "mode": "enforce",
    "since": START.isoformat(),
    "degraded": ["the cgroup gate does not work"],
    "engine": {"connected": True},
    "gate": {"working": False},
    "circuit_breaker": {"open": False},
    "break_glass": {"active": False},
    "allowlist": {"sequence": 41, "freshness": "fresh", "synced_at": START.isoformat()},
    "lockdown": [{"layer": "firewall", "in_place": True, "healed": 2}],
    "containers": {"running": 3, "by_verdict": {"approved": 3}},
    "findings": {"dropped": 0},
}


def a_text(*found: Finding) -> str:
    """Metrics after these findings, or two of the usual ones."""
    counters = FindingCounters()
    counters.record(found or [a_finding(1), a_finding(2)])
    return exposition(Snapshot(STATUS, counters, [SinkState("otlp", 1, 2, 3, 4, "down")], START))


def test_violations_are_counted_by_verdict_from_zero_on() -> None:
    lines = a_text().splitlines()
    assert 'dockwarden_violations_total{verdict="unlisted"} 2' in lines
    assert 'dockwarden_violations_total{verdict="denied"} 0' in lines
    assert 'dockwarden_actions_total{action="kill",enforcement_point="gate",result="ok"} 2' in lines
    assert 'dockwarden_sink_dropped_total{sink="otlp"} 3' in lines
    assert 'dockwarden_sink_failing{sink="otlp"} 1' in lines
    assert "dockwarden_gate_working 0" in lines
    assert "dockwarden_allowlist_sequence 41" in lines


def test_durations_are_a_histogram_in_seconds() -> None:
    slow = replace(
        a_finding(3), outcome=Outcome(Action.KILL, EnforcementPoint.START, 1.0, took_ms=99_000.0)
    )
    lines = a_text(a_finding(1), slow).splitlines()
    assert 'dockwarden_action_duration_seconds_bucket{le="0.005"} 1' in lines
    assert 'dockwarden_action_duration_seconds_bucket{le="10"} 1' in lines
    assert 'dockwarden_action_duration_seconds_bucket{le="+Inf"} 2' in lines
    assert "dockwarden_action_duration_seconds_count 2" in lines
    assert "dockwarden_action_duration_seconds_sum 99.00325" in lines
    assert "dockwarden_violations_ran_total 1" in lines


def test_no_label_names_a_container_an_image_or_a_digest() -> None:
    text = a_text(*(a_finding(number) for number in range(50)))
    assert "sha256" not in text and "web-" not in text and "registry." not in text
    assert not re.search(r"[0-9a-f]{12}", text)
    assert text.count("\n") == a_text(a_finding()).count("\n")


class _Here:
    """Work done at once."""

    def submit(self, job: Any, then: Any, *, urgent: bool = False) -> None:  # noqa: ARG002 - the port's signature
        try:
            result = job()
        except SinkFailed as error:
            result = error
        then(result)


class _Page:
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.full = False

    def publish(self, text: str) -> None:
        if self.full:
            raise SinkFailed("the disk is full")
        self.texts.append(text)


def test_they_are_measured_in_their_rhythm_and_at_the_end() -> None:
    clock, page = FakeClock(), _Page()
    measurer = Measurer([page], lambda up: f"up {up}", seconds=15.0, work=_Here(), clock=clock)
    clock.advance(1)
    for _ in range(3):
        measurer.tick()
    clock.advance(16)
    page.full = True
    measurer.tick()
    clock.advance(16)
    page.full = False
    measurer.tick()
    measurer.end()
    assert page.texts == ["up True", "up True", "up False"]
