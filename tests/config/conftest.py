"""A folder of configuration files that passes for root's own."""

from pathlib import Path

import pytest

from agent.config.layers import Inputs
from agent.config.load import Loaded, load
from core.base_errors import ConfigInvalid


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "etc"
    (folder / "conf.d").mkdir(parents=True, mode=0o755)
    folder.chmod(0o755)
    write(folder / "agent.toml", "")
    return folder


def write(path: Path, text: str | bytes) -> None:
    """A file that only its owner can change."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(0o644)


def loaded(folder: Path, environ: dict[str, str] | None = None, **command_line: object) -> Loaded:
    """What the folder's `agent.toml` and `conf.d` come to."""
    return load(Inputs(folder / "agent.toml", environ or {}, command_line))


def problems(
    folder: Path, environ: dict[str, str] | None = None, **command_line: object
) -> list[str]:
    """What is wrong with them; at least one thing."""
    with pytest.raises(ConfigInvalid) as caught:
        loaded(folder, environ, **command_line)
    assert caught.value.hint
    return caught.value.problems
