"""State that a newer version wrote is left alone."""

from pathlib import Path

import pytest

from agent.files import backup, state_format
from agent.files.state_format import FORMAT, NAME, StateTooNew, claim
from agent.helpers.sync.list_index import index_rows
from agent.helpers.uplink import spool_table

# What each format holds: (spool, backups, index of the signed list).
HOLDS = {1: (1, 1, 1)}


def test_the_first_start_says_which_version_writes(tmp_path: Path) -> None:
    claim(tmp_path, "0.1.0")
    assert (tmp_path / NAME).read_text() == f"{FORMAT} 0.1.0\n"


@pytest.mark.parametrize("former", ["0 0.0.9", f"{FORMAT} 9.9.9", "", "what", "\0"])
def test_state_of_the_same_format_or_an_older_one_is_taken_over(
    tmp_path: Path, former: str
) -> None:
    (tmp_path / NAME).write_text(former)
    claim(tmp_path, "0.1.0")
    assert (tmp_path / NAME).read_text() == f"{FORMAT} 0.1.0\n"


def test_nothing_is_written_when_nothing_changes(tmp_path: Path) -> None:
    claim(tmp_path, "0.1.0")
    before = (tmp_path / NAME).stat().st_ino
    claim(tmp_path, "0.1.0")
    assert (tmp_path / NAME).stat().st_ino == before


def test_newer_state_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(f"{FORMAT + 1} 7.0.0\n")
    with pytest.raises(StateTooNew) as refused:
        claim(tmp_path, "0.1.0")
    assert "written by dockwarden 7.0.0" in refused.value.message
    assert "install dockwarden 7.0.0 or a newer version" in refused.value.hint
    assert f"mv {tmp_path} {tmp_path}.newer" in refused.value.hint
    assert (tmp_path / NAME).read_text() == f"{FORMAT + 1} 7.0.0\n"


def test_the_format_rises_with_what_it_stands_for() -> None:
    """Whoever changes one of these raises `state_format.FORMAT` and adds a line above."""
    now = (spool_table.SCHEMA, backup._VERSION, index_rows.VERSION)
    assert HOLDS[state_format.FORMAT] == now
    assert max(HOLDS) == state_format.FORMAT
