"""Findings files lose nothing that was acknowledged: not by crashes, full disks or rotation."""

import json
import os
import random
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.adapters.findings_file import JsonlFindings, read
from agent.errors import SinkFailed
from core.findings.finding import Finding
from core.findings.finding_record import as_record
from tests.fakes.findings import AT, a_finding, findings
from tests.fakes.killing import RUNS, killed

ONE = len(json.dumps(as_record(a_finding()), separators=(",", ":"))) + 1


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "findings.jsonl"


@pytest.fixture
def sink(path: Path) -> Iterator[JsonlFindings]:
    sink = JsonlFindings(path, max_bytes=100_000, keep=3)
    yield sink
    sink.close()


def _ids(path: Path) -> list[str]:
    return [record["id"] for record in read(path)]


def _batch(number: int) -> list[Finding]:
    return [a_finding(number * 100 + n) for n in range(1 + number % 5)]


def _killed_writers(directory: Path) -> None:
    chance, torn = random.Random(11), 0
    for part in range(10):
        torn += _killed_in_turn(directory / f"{part}" / "findings.jsonl", chance, RUNS // 10)
    assert torn, "no line was torn"


def _killed_in_turn(path: Path, chance: random.Random, runs: int) -> int:
    """One log, rotated every few batches; each run goes on where the last one was killed."""
    kept: list[str] = []
    torn, done = 0, 0
    for _ in range(runs):

        def write(number: int, before: int = done) -> None:
            if number == 1:
                _sink[:] = [JsonlFindings(path, max_bytes=40 * ONE, keep=100_000)]
            _sink[0].record(_batch(before + number))

        last = killed(write, chance)
        kept += [f.id for number in range(done + 1, done + last + 1) for f in _batch(number)]
        if chance.random() < 0.5:  # what a power cut leaves of a write, and a kill rarely does
            with open(path, "ab") as file:
                file.write(b'{"version":1,"id":"'[: chance.randrange(1, 19)])
        sink = JsonlFindings(path, max_bytes=40 * ONE, keep=100_000)
        torn += sink.torn_bytes
        sink.close()
        found = _ids(path)
        assert found[: len(kept)] == kept, "something acknowledged is missing, torn or doubled"
        # What was being written when the kill came may be there, in whole records.
        done += last + 1
        unacknowledged = found[len(kept) :]
        assert unacknowledged == [f.id for f in _batch(done)][: len(unacknowledged)]
        kept = found
    return torn


_sink: list[JsonlFindings] = []  # the killed child's; kept from being closed


def test_a_killed_agent_loses_nothing_acknowledged(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", __name__, str(tmp_path)], check=True, timeout=300)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=50,
)
@given(batch=st.lists(findings, max_size=4))
def test_any_findings_come_back_as_their_records(tmp_path: Path, batch: list[Finding]) -> None:
    path = tmp_path / "any.jsonl"
    path.unlink(missing_ok=True)
    sink = JsonlFindings(path, max_bytes=1_000_000, keep=1)
    sink.record(batch)
    sink.close()
    assert list(read(path)) == [as_record(finding) for finding in batch]
    assert all(0x20 <= byte < 0x80 for line in path.read_bytes().splitlines() for byte in line)


@pytest.mark.parametrize("cut", [1, 10, ONE // 2, ONE - 1])
def test_a_torn_last_line_is_set_aside(path: Path, sink: JsonlFindings, cut: int) -> None:
    sink.record([a_finding(1), a_finding(2)])
    sink.close()
    whole = path.read_bytes()
    os.truncate(path, len(whole) - cut)
    again = JsonlFindings(path, max_bytes=100_000, keep=3)
    again.record([a_finding(3)])
    again.close()
    assert _ids(path) == [a_finding(1).id, a_finding(3).id]
    assert again.torn_bytes == ONE - cut
    torn = path.with_name("findings.jsonl.torn").read_bytes()
    assert torn == whole[ONE : len(whole) - cut] + b"\n"


def test_rotation_splits_and_loses_nothing(path: Path) -> None:
    sink = JsonlFindings(path, max_bytes=6 * ONE, keep=100)
    for number in range(1, 41):
        sink.record(_batch(number))
    sink.close()
    assert _ids(path) == [f.id for number in range(1, 41) for f in _batch(number)]
    files = list(path.parent.iterdir())
    assert len(files) > 20
    assert all(file.stat().st_size <= 6 * ONE for file in files)
    assert all(file.stat().st_mode & 0o7777 == 0o640 for file in files)


def test_only_the_newest_rotated_files_stay(path: Path) -> None:
    sink = JsonlFindings(path, max_bytes=2 * ONE + ONE // 2, keep=3)
    for number in range(1, 21):
        sink.record([a_finding(number)])
    sink.close()
    assert _ids(path) == [a_finding(number).id for number in range(13, 21)]
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "findings.jsonl",
        *(f"findings.jsonl.00000{n}" for n in (7, 8, 9)),
    ]


def test_a_batch_larger_than_a_file_is_kept(path: Path) -> None:
    sink = JsonlFindings(path, max_bytes=ONE, keep=3)
    batch = [a_finding(number) for number in range(1, 30)]
    sink.record(batch)
    sink.record([a_finding(99)])
    sink.close()
    assert _ids(path) == [f.id for f in [*batch, a_finding(99)]]


def test_a_full_disk_is_reported_and_a_retry_repeats_nothing(
    path: Path, sink: JsonlFindings
) -> None:
    """A file-size limit stands for the full disk: it, too, lets a part be written first."""
    sink.record([a_finding(1)])
    batch = [a_finding(number) for number in range(2, 12)]
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ONE * 4 + 100, former[1]))
    try:
        for _ in range(3):
            with pytest.raises(SinkFailed, match="free space"):
                sink.record(batch)
            assert _ids(path) == [a_finding(1).id]
        sink.record([a_finding(2)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
    sink.record(batch[1:])
    assert _ids(path) == [f.id for f in [a_finding(1), *batch]]


def test_what_a_failed_call_could_not_take_back_goes_with_the_next(
    path: Path, sink: JsonlFindings
) -> None:
    sink.record([a_finding(1)])
    with open(path, "ab") as file:
        file.write(b'{"half')
    sink.record([a_finding(2)])
    assert _ids(path) == [a_finding(1).id, a_finding(2).id]


@pytest.mark.parametrize("how", ["removed", "renamed", "emptied", "directory removed"])
def test_other_peoples_rotation_loses_nothing_new(
    path: Path, sink: JsonlFindings, how: str
) -> None:
    sink.record([a_finding(1)])
    if how == "removed":
        path.unlink()
    elif how == "renamed":
        path.rename(path.with_name("old"))
    elif how == "emptied":
        os.truncate(path, 0)
    else:
        path.unlink()
        path.parent.rmdir()
    sink.record([a_finding(2)])
    sink.record([a_finding(3)])
    assert _ids(path) == [a_finding(2).id, a_finding(3).id]


def test_a_second_agent_is_refused(path: Path, sink: JsonlFindings) -> None:
    with pytest.raises(SinkFailed, match="second dockwarden"):
        JsonlFindings(path, max_bytes=1000, keep=1)
    sink.record([a_finding(1)])
    assert _ids(path) == [a_finding(1).id]


@pytest.mark.parametrize("bad", [b"\xff\xfe", b"{}", b"[1]", b'{"at":1}', b"\0\0", b"", b'{"a'])
def test_a_damaged_line_is_named_where_it_stands(
    path: Path, sink: JsonlFindings, bad: bytes
) -> None:
    sink.record([a_finding(1)])
    with open(path, "ab") as file:
        file.write(bad + b"\n")
    sink.close()
    again = JsonlFindings(path, max_bytes=100_000, keep=3)
    again.record([a_finding(2)])
    again.close()
    first, marker, second = read(path)
    assert (first["id"], second["id"]) == (a_finding(1).id, a_finding(2).id)
    assert marker["event"] == "findings.damaged"
    assert marker["details"]["file"] == str(path)
    assert marker["details"]["line"] == "2"


def test_since_leaves_out_what_is_older(path: Path, sink: JsonlFindings) -> None:
    sink.record([a_finding(number) for number in range(1, 6)])
    since = AT + timedelta(seconds=4)
    assert [r["id"] for r in read(path, since=since)] == [a_finding(4).id, a_finding(5).id]


def test_no_file_is_no_finding(path: Path) -> None:
    assert list(read(path)) == []


def test_a_line_still_being_written_is_left_out(path: Path, sink: JsonlFindings) -> None:
    sink.record([a_finding(1)])
    with open(path, "ab") as file:
        file.write(b'{"half')
    assert _ids(path) == [a_finding(1).id]


def test_reading_while_writing_and_rotating_skips_and_repeats_nothing(path: Path) -> None:
    sink = JsonlFindings(path, max_bytes=3 * ONE, keep=1000)
    every = [a_finding(number) for number in range(1, 301)]

    def write() -> None:
        for finding in every:
            sink.record([finding])

    writer = threading.Thread(target=write)
    writer.start()
    ids = [finding.id for finding in every]
    while writer.is_alive():
        seen = _ids(path)
        assert seen == ids[: len(seen)]
    writer.join()
    sink.close()
    assert _ids(path) == ids


if __name__ == "__main__":
    _killed_writers(Path(sys.argv[1]))
