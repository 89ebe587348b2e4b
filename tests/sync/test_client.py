"""The sync helper's whole run against repositories in a folder: what it adopts, keeps and says."""

import os
import pwd
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.helpers.sync.summary import read_summary
from agent.helpers.sync.sync_request import (
    Request,
    ScopeReport,
    SyncReport,
    sync_report_of,
    to_json,
)
from agent.helpers.sync.sync_run import sync
from agent.helpers.sync.tuf.rollback_floor import load_rollback_floor
from tests.patience import PATIENCE
from tests.sync.documents import NOW
from tests.sync.repository import SignedRepository

CHAIN = ("acme", "acme.pay", "acme.pay.web")


class Host:
    """A host of the scope `acme.pay.web` and the repository that it follows."""

    def __init__(self, path: Path, *, long: Iterable[str] = ()) -> None:
        self.repository = SignedRepository(path / "repository", CHAIN, long=long)
        for scope in CHAIN:
            self.repository.approve(scope, f"nginx-{scope}")
        self.repository.publish()
        self.directory = path / "allowlist"
        self.request = Request(
            self.repository.url,
            "acme.pay.web",
            str(self.repository.root_file),
            str(self.directory),
            NOW.timestamp(),
        )

    def sync(self, *, after: timedelta = timedelta()) -> SyncReport:
        return sync(replace(self.request, now=(NOW + after).timestamp()))

    def passes(self, time: timedelta) -> None:
        self.repository.now = NOW + time


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def of(sync_report: SyncReport, scope: str) -> ScopeReport:
    return next(report for report in sync_report.scopes if report.scope == scope)


def test_a_first_sync_adopts_the_whole_chain(host: Host) -> None:
    sync_report = host.sync()
    assert (sync_report.error, sync_report.generation, sync_report.changed) == ("", 1, True)
    assert [report.scope for report in sync_report.scopes] == [*CHAIN, "emergency"]
    assert [report.approvals for report in sync_report.scopes] == [1, 1, 1, 0]
    assert not any(report.problem for report in sync_report.scopes)
    assert of(sync_report, "acme.pay").signers == ("acme.pay-1", "acme.pay-2", "acme.pay-3")
    assert sync_report.timestamp_expires_at == "2026-11-24T12:00:00Z"


def test_nothing_new_is_no_new_generation(host: Host) -> None:
    first = host.sync()
    assert host.sync() == replace(first, changed=False)


def test_a_new_timestamp_alone_is_kept_without_a_new_generation(host: Host) -> None:
    host.sync()
    host.passes(timedelta(hours=3))
    host.repository.release("timestamp")
    sync_report = host.sync(after=timedelta(hours=3))
    assert (sync_report.generation, sync_report.changed) == (1, False)
    assert sync_report.timestamp_expires_at == "2026-11-24T15:00:00Z"
    kept = host.directory / "1" / "metadata" / "timestamp.json"
    assert kept.read_bytes() == host.repository.file("timestamp").read_bytes()
    assert read_summary(host.directory / "1") == sync_report


def test_the_summary_is_the_answer(host: Host) -> None:
    assert read_summary(host.directory / "1") is None
    sync_report = host.sync()
    assert read_summary(host.directory / "1") == sync_report


def test_a_host_of_another_scope_reads_no_more_than_its_chain(host: Host) -> None:
    host.sync()
    host.request = replace(host.request, scope="acme")
    sync_report = host.sync()
    assert (sync_report.generation, sync_report.changed) == (2, True)
    assert [report.scope for report in sync_report.scopes] == ["acme", "emergency"]
    assert not list((host.directory / "2" / "payload").glob("acme.pay*"))


def test_a_scope_that_is_not_delegated_is_reported_and_blocks_nobody_above(host: Host) -> None:
    host.request = replace(host.request, scope="acme.pay.shop")
    sync_report = host.sync()
    assert (sync_report.generation, sync_report.error) == (1, "")
    assert "no such scope" in of(sync_report, "acme.pay.shop").problem
    assert of(sync_report, "acme.pay").approvals == 1


def test_no_list_comes_into_force_below_a_scope_that_never_had_one(host: Host) -> None:
    host.repository.file("acme.pay").unlink()
    host.repository.deny("acme.pay.web", "evil")
    host.repository.publish()
    sync_report = host.sync()
    assert of(sync_report, "acme").approvals == 1
    below = of(sync_report, "acme.pay.web")
    assert (below.approvals, below.denies) == (0, 1)
    assert "waits for the scope above" in below.problem


def test_an_organization_that_never_had_a_list_gives_no_generation(host: Host) -> None:
    host.repository.file("acme").unlink()
    sync_report = host.sync()
    assert (sync_report.generation, sync_report.scopes) == (0, ())
    assert "acme" in sync_report.error
    assert sync_report.hint


def test_an_expired_scope_keeps_its_last_list_and_heals_when_signed_again(host: Host) -> None:
    host.sync()
    later = timedelta(days=200)
    host.passes(later)
    for role in ("targets", "emergency", "acme", "acme.pay.web", "snapshot", "timestamp"):
        host.repository.release(role)
    sync_report = host.sync(after=later)
    assert sync_report.error == ""
    assert "expired" in of(sync_report, "acme.pay").problem
    assert of(sync_report, "acme.pay").approvals == 1
    assert of(sync_report, "acme.pay").expires_at == "2027-05-22T12:00:00Z"
    for role in ("acme.pay", "snapshot", "timestamp"):
        host.repository.release(role)
    assert of(host.sync(after=later), "acme.pay").problem == ""


def test_a_list_without_its_blobs_keeps_the_one_before_until_they_are_there(tmp_path: Path) -> None:
    host = Host(tmp_path, long=["acme.pay"])
    host.sync()
    blobs = set((host.repository.path / "blobs").iterdir())
    host.repository.approve("acme", "redis")
    host.repository.approve("acme.pay", "redis")
    host.repository.deny("acme.pay", "evil")
    host.repository.publish()
    fresh = {
        b: b.read_bytes() for b in (host.repository.path / "blobs").iterdir() if b not in blobs
    }
    assert fresh
    for blob in fresh:
        blob.unlink()
    sync_report = host.sync()
    assert (of(sync_report, "acme").approvals, of(sync_report, "acme").problem) == (2, "")
    assert (of(sync_report, "acme.pay").approvals, of(sync_report, "acme.pay").denies) == (1, 1)
    assert "no such file" in of(sync_report, "acme.pay").problem
    assert host.sync() == replace(sync_report, changed=False)
    for blob, data in fresh.items():
        blob.write_bytes(data)
    healed = of(host.sync(), "acme.pay")
    assert (healed.approvals, healed.problem) == (2, "")


def test_a_slow_clock_is_set_right_by_what_was_adopted(host: Host) -> None:
    host.sync(after=timedelta(hours=20))
    sync_report = host.sync(after=timedelta(days=-300))
    assert sync_report.error == ""
    host.passes(timedelta(days=-2))
    host.repository.release("timestamp")
    assert "expired" in host.sync(after=timedelta(days=-300)).error


def test_a_fast_clock_costs_a_timestamps_lifetime_at_most(host: Host) -> None:
    host.sync(after=timedelta(hours=23))
    assert "expired" in host.sync(after=timedelta(days=900)).error
    host.passes(timedelta(hours=1))
    host.repository.release("timestamp")
    assert host.sync(after=timedelta(hours=1)).error == ""
    assert load_rollback_floor(host.directory).time <= (NOW + timedelta(hours=24)).timestamp()


def test_a_list_from_the_future_does_not_close_the_door_behind_it(host: Host) -> None:
    host.passes(timedelta(days=4000))
    host.repository.approve("acme.pay", "redis")
    host.repository.draft("acme.pay")
    host.passes(timedelta())
    for role in ("acme.pay", "snapshot", "timestamp"):
        host.repository.release(role)
    host.sync()
    assert load_rollback_floor(host.directory).time == (NOW + timedelta(hours=24)).timestamp()
    host.passes(timedelta(minutes=1))
    host.repository.release("timestamp")
    assert host.sync(after=timedelta(minutes=1)).error == ""


def test_a_new_root_is_kept_though_nothing_else_could_be_fetched(host: Host) -> None:
    host.sync()
    host.repository.publish_keys()
    host.repository.file("timestamp").unlink()
    sync_report = host.sync()
    assert (sync_report.generation, sync_report.changed) == (1, False)
    assert "timestamp.json" in sync_report.error
    assert (host.directory / "roots" / "2.root.json").exists()
    assert load_rollback_floor(host.directory).root == 2


@pytest.mark.parametrize(
    ("changes", "error", "hint"),
    [
        ({"source": "ftp://registry"}, "source", "http"),
        ({"scope": "Acme/Pay"}, "scope", "dots"),
        ({"scope": "emergency"}, "scope", "own scope"),
        ({"root_file": "/nowhere/root.json"}, "/nowhere/root.json", "administrators"),
        ({"root_file": "/proc/version"}, "/proc/version", "root.json"),
        ({"source": "file:///nowhere"}, "/nowhere", "reached"),
        ({"source": "http://127.0.0.1:1"}, "127.0.0.1", "reached"),
        ({"directory": "/proc/nothing"}, "/proc/nothing", "disk"),
        ({"now": float("nan")}, "now", "clock"),
    ],
)
def test_bad_input_is_one_error_and_changes_nothing(
    host: Host, changes: dict[str, Any], error: str, hint: str
) -> None:
    host.sync()
    before = sorted((f, f.stat().st_mtime_ns) for f in (host.directory / "1").rglob("*"))
    sync_report = sync(replace(host.request, **changes))
    assert error in sync_report.error
    assert hint in sync_report.hint
    assert not sync_report.changed
    assert sorted((f, f.stat().st_mtime_ns) for f in (host.directory / "1").rglob("*")) == before


def test_with_an_error_the_answer_shows_what_is_in_force(host: Host) -> None:
    good = host.sync()
    bad = sync(replace(host.request, source="file:///nowhere"))
    assert replace(bad, error="", hint="") == replace(good, changed=False)


def run(request: Request, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "agent.helpers.sync", *arguments]
    given = to_json(request)
    return subprocess.run(command, input=given, capture_output=True, timeout=PATIENCE, check=False)


def test_the_program_answers_as_the_call_does(host: Host) -> None:
    done = run(host.request)
    assert (done.returncode, done.stderr) == (0, b"")
    assert replace(sync_report_of(done.stdout), changed=False) == host.sync()


def test_the_program_ends_by_its_own_deadline(host: Host) -> None:
    done = run(replace(host.request, deadline_seconds=0.05))
    assert done.returncode == 0
    assert sync_report_of(done.stdout).error


def test_the_program_refuses_what_is_no_request() -> None:
    command = [sys.executable, "-m", "agent.helpers.sync"]
    done = subprocess.run(
        command, input=b'{"scope": 1}', capture_output=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 2
    assert b"usage" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become someone else")
def test_the_program_gives_up_root(host: Host, tmp_path_factory: pytest.TempPathFactory) -> None:
    for directory in (host.directory.parent, *host.directory.parent.parents):
        if directory.is_relative_to(tmp_path_factory.getbasetemp().parent):
            directory.chmod(0o755)
    done = run(host.request, "--user", "nobody")
    sync_report = sync_report_of(done.stdout)
    assert (sync_report.generation, sync_report.error) == (1, "")
    nobody = pwd.getpwnam("nobody").pw_uid
    assert {file.stat().st_uid for file in host.directory.rglob("*")} == {nobody}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become someone else")
def test_the_program_writes_in_no_directory_of_someone_else(host: Host) -> None:
    host.directory.mkdir()
    sync_report = sync_report_of(run(host.request, "--user", "nobody").stdout)
    assert "belongs to" in sync_report.error
    assert "chown" in sync_report.hint
    assert not list(host.directory.iterdir())
