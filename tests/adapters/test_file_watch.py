"""File changes are reported once a burst, however the file is replaced, and never lost."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.adapters.file_watch import FileWatcher
from agent.adapters.file_watch.directories import Directories
from agent.adapters.file_watch.path_watch import follow
from tests.patience import PATIENCE


class Listener:
    """Counts the calls; `expect` waits for some and sees that no more come."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.failures: list[Exception] = []
        self._news = threading.Condition()

    def changed(self, path: str) -> None:
        with self._news:
            self.told.append(path)
            self._news.notify_all()

    def failed(self, error: Exception) -> None:
        with self._news:
            self.failures.append(error)
            self._news.notify_all()

    def expect(self, *paths: Path) -> None:
        wanted = [str(path) for path in paths]
        with self._news:
            assert self._news.wait_for(lambda: len(self.told) >= len(wanted), PATIENCE)
        time.sleep(0.3)
        assert self.told == wanted
        self.told.clear()

    def expect_failure(self) -> Exception:
        with self._news:
            assert self._news.wait_for(lambda: bool(self.failures), PATIENCE)
        return self.failures[-1]


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def watcher(listener: Listener) -> Iterator[FileWatcher]:
    # The periodic look is out of the tests' reach: what they see came from an event.
    watcher = FileWatcher(listener.failed, quiet=0.2, longest=5, resurvey=3600)
    yield watcher
    watcher.close()
    assert listener.failures == []


def _watch(watcher: FileWatcher, listener: Listener, *paths: Path) -> None:
    watcher.watch([str(path) for path in paths], listener.changed)
    time.sleep(0.4)  # until it stands; a change before that would be found too, but not alone


def _replace(path: Path, text: str) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    new.replace(path)


def _swap_directory(directory: Path, name: str, text: str) -> None:
    new = directory.with_name("new")
    new.mkdir()
    (new / name).write_text(text)
    directory.rename(directory.with_name("former"))
    new.rename(directory)


CHANGES: dict[str, Callable[[Path], object]] = {
    "written": lambda path: path.write_text("2"),
    "written with the same content": lambda path: path.write_text("1"),
    "replaced": lambda path: _replace(path, "2"),
    "removed": lambda path: path.unlink(),
    "opened to the world": lambda path: path.chmod(0o666),
    "moved aside and made again": lambda path: (
        path.rename(path.with_name("list~")),
        path.write_text("2"),
    ),
    "written ten times over": lambda path: [path.write_text("2" * n) for n in range(10)],
    "its directory swapped": lambda path: _swap_directory(path.parent, path.name, "2"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_reported_once(
    tmp_path: Path, watcher: FileWatcher, listener: Listener, change: str
) -> None:
    path = tmp_path / "etc" / "list.json"
    path.parent.mkdir()
    path.write_text("1")
    _watch(watcher, listener, path)
    CHANGES[change](path)
    listener.expect(path)
    path.parent.mkdir(exist_ok=True)
    path.write_text("after")
    listener.expect(path)


def test_reading_and_neighbours_are_not_changes(
    tmp_path: Path, watcher: FileWatcher, listener: Listener
) -> None:
    path = tmp_path / "list.json"
    path.write_text("1")
    _watch(watcher, listener, path)
    path.read_text()
    (tmp_path / "other").write_text("x")
    listener.expect()


def test_a_file_whose_directories_are_missing_is_awaited(
    tmp_path: Path, watcher: FileWatcher, listener: Listener
) -> None:
    path = tmp_path / "a" / "b" / "c" / "list.json"
    _watch(watcher, listener, path)
    for _ in range(2):
        path.parent.mkdir(parents=True)
        path.write_text("1")
        listener.expect(path)
        path.unlink()
        listener.expect(path)
        _remove(path, tmp_path)


def _remove(path: Path, until: Path) -> None:
    for directory in path.parents:
        if directory == until:
            return
        directory.rmdir()


def test_each_file_is_reported_by_its_own_name(
    tmp_path: Path, watcher: FileWatcher, listener: Listener
) -> None:
    one, other = tmp_path / "one", tmp_path / "deep" / "other"
    _watch(watcher, listener, one, other)
    one.write_text("1")
    listener.expect(one)
    other.parent.mkdir()
    other.write_text("1")
    listener.expect(other)


def test_a_link_and_its_target_are_followed(
    tmp_path: Path, watcher: FileWatcher, listener: Listener
) -> None:
    link, first, second = tmp_path / "etc/link", tmp_path / "x/first", tmp_path / "y/second"
    for path in (link, first, second):
        path.parent.mkdir()
    first.write_text("1")
    second.write_text("2")
    link.symlink_to(first)
    _watch(watcher, listener, link)
    first.write_text("changed")
    listener.expect(link)
    _relink(link, second)
    listener.expect(link)
    second.write_text("changed")
    listener.expect(link)
    first.write_text("of no interest now")
    listener.expect()


def test_a_mounted_config_map_that_swaps_its_data(
    tmp_path: Path, watcher: FileWatcher, listener: Listener
) -> None:
    """Kubernetes: list.json -> ..data/list.json, ..data -> ..<time>, swapped by a rename."""
    for version in ("..1", "..2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "list.json").write_text(version)
    (tmp_path / "..data").symlink_to("..1")
    path = tmp_path / "list.json"
    path.symlink_to("..data/list.json")
    _watch(watcher, listener, path)
    _relink(tmp_path / "..data", Path("..2"))
    listener.expect(path)
    (tmp_path / "..2" / "list.json").write_text("changed")
    listener.expect(path)


def _relink(link: Path, target: Path) -> None:
    new = link.with_name("new-link")
    new.symlink_to(target)
    new.replace(link)


def test_the_last_write_of_a_long_burst_is_never_missed(tmp_path: Path, listener: Listener) -> None:
    watcher = FileWatcher(listener.failed, resurvey=3600)
    path = tmp_path / "list.json"
    path.write_text("0")
    seen: list[str] = []
    watcher.watch([str(path)], lambda name: seen.append(Path(name).read_text()))
    end = time.monotonic() + 1.3
    number = 0
    while time.monotonic() < end:
        number += 1
        _replace(path, f"{number:08d}")
        time.sleep(0.005)
    limit = time.monotonic() + PATIENCE
    while (not seen or seen[-1] != f"{number:08d}") and time.monotonic() < limit:
        time.sleep(0.02)
    assert seen[-1] == f"{number:08d}"
    assert len(seen) > 1  # it was reported before the burst's end
    assert len(seen) < number / 4
    watcher.close()


def test_a_failing_callback_is_reported_and_the_next_change_is_reported(
    tmp_path: Path, listener: Listener
) -> None:
    path, other = tmp_path / "bad", tmp_path / "good"
    watcher = FileWatcher(listener.failed, resurvey=3600)

    def refuse(_: str) -> None:
        raise RuntimeError("bad list")

    watcher.watch([str(path)], refuse)
    _watch(watcher, listener, other)
    path.write_text("1")
    assert repr(listener.expect_failure()) == "RuntimeError('bad list')"
    other.write_text("1")
    listener.expect(other)
    watcher.close()


def test_without_inotify_the_periodic_look_finds_changes(
    tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr(Directories, "watch", refuse)
    watcher = FileWatcher(listener.failed, resurvey=0.05)
    path = tmp_path / "list.json"
    _watch(watcher, listener, path)
    for text in "12":
        _replace(path, text)  # at once: a look between two writes would tell twice
        listener.expect(path)
    assert [str(error) for error in listener.failures] == ["[Errno 28] inotify watch limit reached"]
    watcher.close()


def test_dead_library_threads_are_noticed_and_replaced(tmp_path: Path) -> None:
    stirred = threading.Event()
    directories = Directories(stirred.set)
    wanted = follow(str(tmp_path / "list.json")).directories
    directories.watch(wanted)
    assert directories._observer is not None
    directories._observer.stop()
    directories._observer.join()
    directories.watch(wanted)
    time.sleep(0.05)
    stirred.clear()
    (tmp_path / "list.json").write_text("1")
    assert stirred.wait(PATIENCE)
    directories.close()


def test_nothing_is_called_after_close(tmp_path: Path, listener: Listener) -> None:
    before = threading.active_count()
    watcher = FileWatcher(listener.failed)
    path = tmp_path / "list.json"
    _watch(watcher, listener, path)
    watcher.close()
    path.write_text("1")
    listener.expect()
    assert threading.active_count() == before


def test_a_trail_ends_at_loops_and_files_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_text("x")
    assert follow(str(tmp_path / "loop")).seen == ("loop",)
    assert follow(str(tmp_path / "file" / "below")).seen == ("missing",)
    assert follow(str(tmp_path / "x" / ".." / "y")).seen == ("missing",)
