"""Evidence is whole, root's alone, and never more than its limit."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from agent.adapters.evidence_files import EvidenceFiles
from agent.errors import SinkFailed
from tests.core.test_text import trees
from tests.fakes.findings import AT, a_finding


def _store(directory: Path, *, files: int = 100, size: int = 1_000_000) -> EvidenceFiles:
    return EvidenceFiles(directory / "evidence", max_files=files, max_bytes=size)


def _names(directory: Path) -> list[str]:
    return sorted(path.stem for path in (directory / "evidence").iterdir())


def test_evidence_is_kept_for_root_only(tmp_path: Path) -> None:
    path = Path(_store(tmp_path).keep("id-1", {"inspect": {"Pid": 7, "at": AT}}))
    assert json.loads(path.read_text()) == {"inspect": {"Pid": 7, "at": str(AT)}}
    assert path == tmp_path / "evidence" / "id-1.json"
    assert path.stat().st_mode & 0o7777 == 0o600
    assert path.parent.stat().st_mode & 0o7777 == 0o700


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=50,
)
@given(tree=trees)
def test_whatever_the_engine_says_is_kept_as_json(tmp_path: Path, tree: object) -> None:
    path = Path(_store(tmp_path).keep("id", {"it": tree}))
    json.loads(path.read_bytes(), parse_constant=pytest.fail)


def test_the_oldest_go_first_by_number_and_over_a_restart(tmp_path: Path) -> None:
    ids = [a_finding(number).id for number in range(12)]
    for finding_id in ids[:5]:
        _store(tmp_path, files=4).keep(finding_id, {})
    assert _names(tmp_path) == ids[1:5]
    store = _store(tmp_path, files=4)
    for finding_id in ids[5:]:
        store.keep(finding_id, {})
    assert _names(tmp_path) == ids[-4:]


def test_the_oldest_go_first_by_size(tmp_path: Path) -> None:
    store = _store(tmp_path, size=10_000)
    for number in range(1, 10):
        store.keep(f"id-{number}", {"log": "x" * 3000})
    assert _names(tmp_path) == ["id-7", "id-8", "id-9"]


def test_the_newest_stays_even_when_it_is_too_large_alone(tmp_path: Path) -> None:
    store = _store(tmp_path, size=1000)
    store.keep("id-1", {})
    store.keep("id-2", {"log": "x" * 5000})
    assert _names(tmp_path) == ["id-2"]


def test_the_same_finding_again_counts_once(tmp_path: Path) -> None:
    store = _store(tmp_path, files=2)
    store.keep("id-1", {})
    for turn in range(5):
        store.keep("id-2", {"turn": turn})
    assert _names(tmp_path) == ["id-1", "id-2"]


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a\n", "x" * 65, "é"])
def test_no_name_leads_out_of_the_directory(tmp_path: Path, name: str) -> None:
    with pytest.raises(SinkFailed, match="cannot name"):
        _store(tmp_path).keep(name, {})
    assert _names(tmp_path) == []


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    store = _store(tmp_path)
    (tmp_path / "evidence").rmdir()
    with pytest.raises(SinkFailed, match="free space"):
        store.keep("id", {})
