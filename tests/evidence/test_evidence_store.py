"""The store: what is kept reads back; what is missing or changed is never taken for evidence."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from core.image.digest import Digest
from registrar.evidence.evidence_store import EvidenceStore
from registrar.evidence.evidence_values import (
    ImageEvidence,
    PlatformEvidence,
    Scanner,
    ScanResult,
    ScanState,
)
from registrar.evidence.value_json import EvidenceInvalid
from tests.evidence.evidence_strategies import NOW
from tests.evidence.test_evidence_json import SMALL


def _scanned(report: Digest) -> ImageEvidence:
    facts = SMALL.platforms[0].facts
    scan = ScanResult(
        Scanner("trivy", "trivy"), facts.manifest, ScanState.CONCLUSIVE, NOW, NOW, report=report
    )
    return replace(SMALL, platforms=(PlatformEvidence(facts, (scan,)),))


def test_evidence_and_its_reports_are_kept_under_their_digests(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path / "evidence")
    report = store.add_report(b'{"Results":[]}')
    digest = store.add(_scanned(report))
    assert store.read(digest).evidence == _scanned(report)
    assert store.report(report) == b'{"Results":[]}'
    path = tmp_path / f"evidence/sha256/{digest.hex[:2]}/{digest.hex}.json"
    assert Digest.of(path.read_bytes()) == digest
    assert store.faults() == []


def test_evidence_without_its_report_is_refused(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    with pytest.raises(EvidenceInvalid, match="no such file"):
        store.add(_scanned(Digest.of(b"lost")))
    assert store.digests() == []


def test_every_changed_or_missing_file_is_named(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    reports = [store.add_report(b"one"), store.add_report(b"two")]
    first, *_ = [store.add(_scanned(report)) for report in reports]
    (tmp_path / f"sha256/{reports[1].hex[:2]}/{reports[1].hex}.report").unlink()
    path = tmp_path / f"sha256/{first.hex[:2]}/{first.hex}.json"
    path.write_bytes(path.read_bytes().replace(b"nginx", b"nginy"))
    messages = sorted(str(fault) for fault in store.faults())
    assert len(messages) == 2
    assert any(first.hex in message for message in messages)
    assert any(reports[1].hex in message for message in messages)
    with pytest.raises(EvidenceInvalid, match="not what it is named after"):
        list(store.all())


def test_what_was_damaged_is_mended_by_writing_it_again(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    digest = store.add(SMALL)
    (tmp_path / f"sha256/{digest.hex[:2]}/{digest.hex}.json").write_bytes(b"")
    assert store.add(SMALL) == digest
    assert store.read(digest).evidence == SMALL


def test_the_newest_evidence_of_each_image_counts(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    other = replace(SMALL, id=Digest.of(b"other"), repository="docker.io/library/alpine")
    newer = replace(SMALL, fetched_at=NOW + timedelta(days=1))
    for evidence in (newer, SMALL, other):
        store.add(evidence)
    assert [stored.evidence for stored in store.latest()] == [other, newer]
    assert store.find(str(SMALL.id)).evidence == newer
    old = next(stored for stored in store.all() if stored.evidence == SMALL)
    assert store.find(old.digest.hex[:12]).evidence == SMALL


def test_a_file_that_is_no_evidence_is_named(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    digest = store.add(SMALL)
    path = tmp_path / f"sha256/{digest.hex[:2]}/{digest.hex}.json"
    for content in (b"", b"[]", b"{}", b"[" * 100_000):
        path.write_bytes(content)
        with pytest.raises(EvidenceInvalid, match=digest.hex):
            list(store.latest())


@pytest.mark.parametrize("text", ["zz", "", "abc", "../../x", "0000"])
def test_a_wrong_name_finds_nothing(tmp_path: Path, text: str) -> None:
    with pytest.raises(EvidenceInvalid):
        EvidenceStore(tmp_path).find(text)
