"""The journal shows findings to people: with fields, unforgeable, restart loops thinned out."""

import io
from pathlib import Path

import pytest
from hypothesis import given

from agent.adapters.journal import JournalFindings, fields
from agent.errors import SinkFailed
from agent.journald import encode
from core.findings.finding import Finding
from tests.fakes.findings import a_finding, findings, with_name
from tests.fakes.journald import FakeJournald, decode


def test_an_entry_has_the_sentence_the_priority_and_the_fields(tmp_path: Path) -> None:
    daemon = FakeJournald(tmp_path / "journal")
    JournalFindings(daemon.path).record([a_finding()])
    (entry,) = daemon.entries()
    assert entry["MESSAGE"] == (
        "Container web-1 was killed: its image is not on the allowlist. "
        "Ask platform@acme.example for an approval."
    )
    expected = {
        "PRIORITY": "4",
        "DOCKWARDEN_EVENT": "container.refused",
        "DOCKWARDEN_VERDICT": "unlisted",
        "DOCKWARDEN_ACTION": "kill",
        "DOCKWARDEN_ENFORCEMENT_POINT": "gate",
        "DOCKWARDEN_RAN_MS": "0.0",
        "CONTAINER_ID": "000000000000",
        "CONTAINER_NAME": "web-1",
    }
    assert expected.items() <= entry.items()
    assert "DOCKWARDEN_ERROR" not in entry
    assert "CONTAINER_ID_FULL" not in entry  # docker logs would show it as the container's output


@given(finding=findings)
def test_no_text_forges_a_field_or_a_line(finding: Finding) -> None:
    sent = dict(fields(finding))
    assert decode(encode(sent.items())) == sent
    assert all(value.isprintable() for value in sent.values())


def test_a_restart_loop_shows_at_1_2_4_8_16(tmp_path: Path) -> None:
    daemon = FakeJournald(tmp_path / "journal")
    sink = JournalFindings(daemon.path)
    for occurrence in range(1, 32):
        sink.record([a_finding(occurrence, occurrence=occurrence)])
    shown = [entry["DOCKWARDEN_COUNT"] for entry in daemon.entries()]
    assert shown == ["1", "2", "4", "8", "16"]


def test_an_entry_larger_than_a_datagram_arrives_whole(tmp_path: Path) -> None:
    daemon = FakeJournald(tmp_path / "journal")
    name = "x" * 2_000_000
    JournalFindings(daemon.path).record([with_name(a_finding(), name)])
    (entry,) = daemon.entries()
    assert entry["CONTAINER_NAME"] == name


def test_without_a_journal_lines_go_to_the_fallback(tmp_path: Path) -> None:
    lines = io.StringIO()
    sink = JournalFindings(str(tmp_path / "nobody"), lines)
    sink.record([a_finding(1), with_name(a_finding(2), "a\n2026 CRITICAL forged")])
    first, second = lines.getvalue().splitlines()
    assert first.startswith(
        "2026-11-23T12:03:05.567890Z WARNING container.refused: Container web-1"
    )
    assert r"a\n2026 CRITICAL forged" in second


def test_finds_a_journal_that_was_restarted(tmp_path: Path) -> None:
    old = FakeJournald(tmp_path / "journal")
    sink = JournalFindings(old.path)
    sink.record([a_finding(1)])
    old.close()
    new = FakeJournald(tmp_path / "journal")
    sink.record([a_finding(2)])
    assert [entry["CONTAINER_NAME"] for entry in new.entries()] == ["web-2"]


def test_a_hung_journal_is_reported_and_a_retry_repeats_nothing(tmp_path: Path) -> None:
    daemon = FakeJournald(tmp_path / "journal", hung=True)
    sink = JournalFindings(daemon.path)
    findings = [a_finding(number) for number in range(1, 2000)]
    with pytest.raises(SinkFailed, match="systemd-journald"):
        sink.record(findings)
    daemon.wake()
    sink.record(findings)
    assert [e["DOCKWARDEN_FINDING_ID"] for e in daemon.entries()] == [f.id for f in findings]
