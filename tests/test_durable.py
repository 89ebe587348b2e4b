"""Files are replaced whole, even when the writer is killed in between."""

import os
import random
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core import durable
from tests.fakes.killing import RUNS, killed


def _content(number: int) -> bytes:
    return (b"%d," % number) * (1 + number * 997 % 40_000)


def _killed_writers(directory: Path) -> None:
    path, chance, leftovers = directory / "file", random.Random(7), 0
    for _ in range(RUNS):
        durable.write_file(path, _content(0))
        last = killed(lambda number: durable.write_file(path, _content(number)), chance)
        content = path.read_bytes()
        assert content in (_content(last), _content(last + 1)), f"torn after write {last}"
        leftovers += durable.remove_leftovers(directory)
        assert list(directory.iterdir()) == [path]
    assert leftovers, "no writer was killed while it wrote"


def test_a_killed_writer_leaves_the_old_or_the_new_content_whole(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", __name__, str(tmp_path)], check=True, timeout=120)


def test_writers_at_once_leave_one_content_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = [bytes([65 + n]) * 200_000 for n in range(4)]

    def write(content: bytes) -> None:
        for _ in range(10):
            durable.write_file(path, content)

    threads = [threading.Thread(target=write, args=[content]) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [path]


def test_the_mode_is_the_one_asked_for_whatever_the_umask(tmp_path: Path) -> None:
    former = os.umask(0o077)
    try:
        durable.write_file(tmp_path / "file", b"x", mode=0o644)
        durable.make_directory(tmp_path / "a" / "b")
    finally:
        os.umask(former)
    assert (tmp_path / "file").stat().st_mode & 0o7777 == 0o644
    assert (tmp_path / "a").stat().st_mode & 0o7777 == 0o750
    assert (tmp_path / "a" / "b").stat().st_mode & 0o7777 == 0o750


def test_a_link_is_replaced_and_its_target_left_alone(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"other's")
    link.symlink_to(target)
    durable.write_file(link, b"mine")
    assert (target.read_bytes(), link.read_bytes(), link.is_symlink()) == (
        b"other's",
        b"mine",
        False,
    )


def test_a_failed_replacement_keeps_the_old_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        durable.write_file(path, b"x")
    assert list(tmp_path.iterdir()) == [path]


def test_an_append_that_does_not_fit_leaves_no_part(tmp_path: Path) -> None:
    """A file-size limit stands for the full disk: it, too, lets a part be written first."""
    path = tmp_path / "file"
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    with open(path, "ab", buffering=0) as file:
        durable.append(file.fileno(), b"first\n")
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, former[1]))
        try:
            with pytest.raises(OSError, match="File too large"):
                durable.append(file.fileno(), b"x" * 2000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, former)
        assert path.read_bytes() == b"first\n"
        durable.append(file.fileno(), b"second\n")
    assert path.read_bytes() == b"first\nsecond\n"


def test_an_existing_directory_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(mode=0o700)
    durable.make_directory(tmp_path / "a")
    assert (tmp_path / "a").stat().st_mode & 0o7777 == 0o700


def test_a_file_in_the_way_of_a_directory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(FileExistsError):
        durable.make_directory(tmp_path / "a")


if __name__ == "__main__":
    _killed_writers(Path(sys.argv[1]))
