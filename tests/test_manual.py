"""The manual and the completions: one page a command, clean for groff, the same every time."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from manual.__main__ import PROGRAMS, write


@pytest.fixture(params=list(PROGRAMS))
def written(request: pytest.FixtureRequest, tmp_path: Path) -> list[Path]:
    return write(tmp_path, request.param, "1.2.3")


def test_pages_are_clean(written: list[Path]) -> None:
    pages = [path for path in written if path.parent.parent.name == "man"]
    assert len(pages) > 3
    for page in pages:
        text = page.read_text()
        assert ".SH NAME" in text and ".SH SYNOPSIS" in text and "\b" not in text
    if shutil.which("groff"):
        done = subprocess.run(
            ["groff", "-man", "-ww", "-z", "-Kutf8", "-Tutf8", *pages],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_every_command_has_its_page(tmp_path: Path) -> None:
    names = {path.name for path in write(tmp_path, "dockwarden", "")}
    assert {"dockwarden.8", "dockwarden-reload.8", "dockwarden-config-validate.8"} <= names


def test_bash_completes_commands(tmp_path: Path) -> None:
    write(tmp_path, "dockwarden", "")
    script = (
        f". {tmp_path}/bash/dockwarden; COMP_WORDS=(dockwarden rel); COMP_CWORD=1;"
        ' _dockwarden_completion "$1"; echo "${COMPREPLY[*]}"'
    )
    program = tmp_path / "dockwarden"
    root = Path(__file__).resolve().parents[1]
    program.write_text(f'#!/bin/sh\ncd {root} && exec {sys.executable} -m agent "$@"\n')
    program.chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", script, "bash", str(program)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin"},
    )
    assert done.stdout.strip() == "reload", done.stderr


def test_the_same_bytes_every_time(tmp_path: Path) -> None:
    first, second = (write(tmp_path / n, "dockwarden", "1") for n in "ab")
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
