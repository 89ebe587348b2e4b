"""What the firewall refused is reported at once, and repeats each minute with a count."""

from agent.lockdown.egress_denials import QUIET_SECONDS, EgressDenials
from agent.ports.lockdown_values import Refusal
from core.findings.finding import Finding
from tests.control.rig import Rig

QUAY = Refusal("quay.test", 1, "192.0.2.1:443/tcp", "engine")


def told() -> tuple[Rig, EgressDenials, list[Finding]]:
    rig, findings = Rig(), list[Finding]()
    services = rig.enforcer.services
    return rig, EgressDenials(services.clock, services.finding_factory, findings.append), findings


def test_repeats_make_one_finding_a_minute_with_their_count() -> None:
    rig, away, findings = told()
    for _ in range(40):
        away.refused(QUAY)
        rig.clock.advance(1)
        away.tick()
    assert [f.details["count"] for f in findings] == ["1"]
    rig.clock.advance(QUIET_SECONDS)
    away.tick()
    away.tick()
    assert [f.details["count"] for f in findings] == ["1", "39"]


def test_nobody_is_hidden_by_another_and_nothing_is_counted_twice() -> None:
    rig, away, findings = told()
    other = Refusal("", 2, "198.51.100.7:443/tcp", "container build")
    for _ in range(3):
        away.refused(QUAY)
        away.refused(other)
    rig.clock.advance(QUIET_SECONDS)
    away.refused(QUAY)
    away.tick()
    counts = dict.fromkeys(("engine", "container build"), 0)
    for finding in findings:
        counts[finding.details["source"]] += int(finding.details["count"])
    assert counts == {"engine": 4, "container build": 6}
    assert len(findings) == 4
