"""Generations on disk: switched whole, three kept, healed after whatever was lost."""

import fcntl
import shutil
from pathlib import Path

import pytest

from agent.helpers.sync.generations import KEPT, Generations, current_generation, locked
from agent.helpers.sync.sync_request import Request, SyncReport
from agent.helpers.sync.sync_run import sync
from agent.helpers.sync.tuf.rollback_floor import load_rollback_floor
from tests.sync.documents import NOW
from tests.sync.repository import SignedRepository


def make(directory: Path, content: str) -> int:
    generations = Generations(directory)
    staging = generations.stage()
    (staging / "payload" / "x").write_text(content)
    return generations.switch(staging)


def test_a_staged_generation_is_not_in_force_before_the_switch(tmp_path: Path) -> None:
    make(tmp_path, "one")
    staging = Generations(tmp_path).stage()
    (staging / "payload" / "x").write_text("two")
    assert current_generation(tmp_path) == 1
    assert (tmp_path / "1" / "payload" / "x").read_text() == "one"


def test_the_newest_three_are_kept(tmp_path: Path) -> None:
    numbers = [make(tmp_path, f"{i}") for i in range(6)]
    assert numbers == [1, 2, 3, 4, 5, 6]
    kept = sorted(entry.name for entry in tmp_path.iterdir() if entry.name.isdigit())
    assert kept == ["4", "5", "6"]
    assert len(kept) == KEPT
    assert not (tmp_path / ".staging").exists()


def test_what_a_killed_sync_left_is_swept_and_its_number_not_used_again(tmp_path: Path) -> None:
    make(tmp_path, "one")
    (tmp_path / ".staging" / "metadata").mkdir(parents=True)
    (tmp_path / ".staging" / "metadata" / "half").touch()
    (tmp_path / "2").mkdir()  # renamed, but CURRENT was not written any more
    staging = Generations(tmp_path).stage()
    assert not list((staging / "metadata").iterdir())
    assert Generations(tmp_path).switch(staging) == 3
    assert current_generation(tmp_path) == 3


def test_what_a_killed_prune_left_goes_with_the_next_sync(tmp_path: Path) -> None:
    for i in range(4):
        make(tmp_path, f"{i}")
    (tmp_path / "1").mkdir()  # it was to go after the switch to 4
    generations = Generations(tmp_path)
    generations.discard(generations.stage())
    assert sorted(entry.name for entry in tmp_path.iterdir() if entry.name.isdigit()) == [
        "2",
        "3",
        "4",
    ]


@pytest.mark.parametrize("text", ["", "7\n", "x", "\xff", "-1", "../1"])
def test_a_spoilt_pointer_means_that_none_is_in_force(tmp_path: Path, text: str) -> None:
    make(tmp_path, "one")
    (tmp_path / "CURRENT").write_text(text, encoding="latin-1")
    assert current_generation(tmp_path) == 0
    assert make(tmp_path, "two") > 1


def test_a_number_that_was_given_out_is_not_given_out_again(tmp_path: Path) -> None:
    for i in range(3):
        make(tmp_path, f"{i}")
    for number in (1, 2, 3):
        shutil.rmtree(tmp_path / str(number))
    assert make(tmp_path, "new") == 4


@pytest.fixture
def repository(tmp_path: Path) -> SignedRepository:
    made = SignedRepository(tmp_path / "repository")
    made.approve("acme", "nginx")
    made.publish()
    return made


def synced(repository: SignedRepository, directory: Path) -> SyncReport:
    request = Request(
        repository.url, "acme.pay", str(repository.root_file), str(directory), NOW.timestamp()
    )
    return sync(request)


def test_only_one_sync_at_a_time(repository: SignedRepository, tmp_path: Path) -> None:
    directory = tmp_path / "list"
    with locked(directory):
        assert "another sync" in synced(repository, directory).error
    assert synced(repository, directory).error == ""
    with open(directory / ".lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # and it let go of it


@pytest.mark.parametrize("lost", ["metadata", "payload", "index.sqlite", "summary.json", "."])
def test_what_was_lost_is_fetched_again(
    repository: SignedRepository, tmp_path: Path, lost: str
) -> None:
    directory = tmp_path / "list"
    whole = synced(repository, directory)
    place = directory / "1" / lost
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    sync_report = synced(repository, directory)
    assert (sync_report.error, sync_report.scopes) == ("", whole.scopes)
    force = directory / str(current_generation(directory))
    assert {entry.name for entry in force.iterdir()} == {
        "metadata",
        "payload",
        "index.sqlite",
        "summary.json",
    }
    assert len(list((force / "payload").iterdir())) == 5


def test_a_wiped_cache_lets_nothing_old_in(repository: SignedRepository, tmp_path: Path) -> None:
    directory = tmp_path / "list"
    synced(repository, directory)
    old = repository.files()
    repository.deny("acme", "nginx")
    repository.publish()
    synced(repository, directory)
    for entry in directory.iterdir():
        if entry.name != "rollback_floor.json":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    repository.put_back(old)
    sync_report = synced(repository, directory)
    assert "older than" in sync_report.error
    assert sync_report.generation == 0
    assert load_rollback_floor(directory).sequences["acme/deny.json"] == 2


def test_a_switch_that_fails_on_a_full_disk_keeps_what_is_in_force(
    repository: SignedRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "list"
    synced(repository, directory)
    repository.approve("acme", "redis")
    repository.publish()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("agent.helpers.sync.generations.sync_tree", full)
        sync_report = synced(repository, directory)
    assert "No space left" in sync_report.error
    assert current_generation(directory) == 1
    assert synced(repository, directory).generation == 2
