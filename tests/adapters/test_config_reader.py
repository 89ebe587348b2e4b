"""The configuration is read again by a process of its own."""

from pathlib import Path

import pytest

from agent.adapters.config_reader import config_reader
from core.base_errors import ConfigInvalid
from core.decision.verdict import Mode


def _file(tmp_path: Path, content: str) -> str:
    tmp_path.chmod(0o755)
    path = tmp_path / "agent.toml"
    path.write_text(content)
    path.chmod(0o644)
    return str(path)


def test_reads_what_the_file_holds_now(tmp_path: Path) -> None:
    read = config_reader(_file(tmp_path, '[agent]\ncontact = "ann"\n'), "")
    assert (read().agent.contact, read().agent.mode) == ("ann", Mode.OBSERVE)
    _file(tmp_path, '[agent]\ncontact = "bob"\n')
    assert read().agent.contact == "bob"


def test_a_mode_given_by_hand_wins(tmp_path: Path) -> None:
    file = _file(tmp_path, '[agent]\nmode = "observe"\n')
    assert config_reader(file, "enforce")().agent.mode is Mode.ENFORCE


def test_reports_every_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid) as found:
        config_reader(_file(tmp_path, "[agent]\nmod = 1\n[gate]\nhold_seconds = 0\n"), "")()
    assert len(found.value.problems) == 2
    assert "did you mean mode?" in found.value.problems[0]


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid):
        config_reader(str(tmp_path / "agent.toml"), "")()
