"""The bookmark survives the process's death and never yields a number nobody wrote."""

import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.adapters.bookmark_file import BookmarkFile
from tests.fakes.killing import RUNS, killed

numbers = st.integers(0, (1 << 64) - 1)
reusing = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def _killed_writers(directory: Path) -> None:
    path, chance, done = directory / "bookmark", random.Random(3), 0
    for _ in range(RUNS):
        bookmark = BookmarkFile(path)
        last = killed(lambda n, book=bookmark, before=done: book.write((before + n) << 32), chance)  # type: ignore[misc]
        bookmark.close()
        again = BookmarkFile(path)
        found = again.read()
        again.close()
        assert found in ((done + last) << 32, (done + last + 1) << 32), "lost or made up"
        done = found >> 32


def test_a_killed_agent_finds_its_last_number(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", __name__, str(tmp_path)], check=True, timeout=120)


def test_a_new_bookmark_is_empty(tmp_path: Path) -> None:
    assert BookmarkFile(tmp_path / "state" / "bookmark").read() is None


@reusing
@given(written=st.lists(numbers, min_size=1, max_size=5))
def test_the_last_number_is_read_also_after_reopening(tmp_path: Path, written: list[int]) -> None:
    bookmark = BookmarkFile(tmp_path / "bookmark")
    for number in written:
        bookmark.write(number)
    assert bookmark.read() == written[-1]
    bookmark.close()
    again = BookmarkFile(tmp_path / "bookmark")
    assert again.read() == written[-1]
    again.close()


@reusing
@given(
    before=numbers,
    last=numbers,
    place=st.integers(0, 127),
    damage=st.binary(min_size=1, max_size=64),
)
def test_damage_in_one_slot_leaves_the_other(
    tmp_path: Path, before: int, last: int, place: int, damage: bytes
) -> None:
    path = tmp_path / "bookmark"
    path.unlink(missing_ok=True)
    bookmark = BookmarkFile(path)
    bookmark.write(before)
    bookmark.write(last)
    bookmark.close()
    content = path.read_bytes().ljust(128, b"\0")
    path.write_bytes((content[:place] + damage + content[place + len(damage) :])[:128])
    again = BookmarkFile(path)
    found = again.read()
    # 64 bytes reach into both slots, and then there may be nothing left.
    assert found in (before, last, None)
    again.write(7)
    assert again.read() == 7
    again.close()


@pytest.mark.parametrize("content", [b"", b"\0" * 128, b"x" * 128, b"short"])
def test_a_damaged_file_reads_as_none_and_can_be_written(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bookmark"
    path.write_bytes(content)
    bookmark = BookmarkFile(path)
    assert bookmark.read() is None
    bookmark.write(5)
    assert bookmark.read() == 5


def test_a_file_cut_short_while_open_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "bookmark"
    bookmark = BookmarkFile(path)
    bookmark.write(5)
    path.write_bytes(b"")
    assert bookmark.read() is None
    bookmark.write(6)
    assert bookmark.read() == 6


if __name__ == "__main__":
    _killed_writers(Path(sys.argv[1]))
