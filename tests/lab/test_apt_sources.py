"""The mirror is the machine's own: both styles of apt sources, and the way out without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.apt_sources import debian_mirror
from tests.lab.errors import LabError

DEB822 = """\
# a company's mirror
Types: deb deb-src
URIs: http://mirror.acme.example/debian/
Suites: bookworm bookworm-updates
# the firmware is free enough
Components: main
 non-free-firmware
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""
NONE = Path("/nonexistent")


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own choice of a mirror is not part of these tests."""
    monkeypatch.delenv("DOCKWARDEN_LAB_MIRROR", raising=False)


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    """An /etc/apt without sources."""
    (tmp_path / "sources.list.d").mkdir()
    return tmp_path


def write(apt: Path, name: str, text: str) -> None:
    """Write one sources file."""
    (apt / name).write_text(text)


def test_deb822(apt: Path) -> None:
    write(apt, "sources.list.d/debian.sources", DEB822)
    assert debian_mirror(apt, NONE) == "http://mirror.acme.example/debian"


@pytest.mark.parametrize(
    "line",
    [
        "deb http://mirror.acme.example/debian bookworm main",
        "deb [arch=amd64 signed-by=/k.gpg] http://mirror.acme.example/debian/ stable main contrib",
        "  deb http://mirror.acme.example/debian sid contrib main # ours",
    ],
)
def test_one_line(apt: Path, line: str) -> None:
    write(apt, "sources.list", f"# deb http://old.example/debian sid main\n{line}\n")
    assert debian_mirror(apt, NONE) == "http://mirror.acme.example/debian"


def test_what_is_no_archive_of_debian_is_passed_over(apt: Path) -> None:
    write(apt, "sources.list", "deb-src http://src.example/debian sid main\n")
    write(apt, "sources.list.d/a.list", "deb http://tools.example/apt stable-tools main\n")
    write(apt, "sources.list.d/b.list", "deb http://sec.example/debian-security x-security main\n")
    write(apt, "sources.list.d/c.sources", DEB822.replace("Types:", "Enabled: no\nTypes:"))
    write(apt, "sources.list.d/d.sources.disabled", DEB822)
    write(apt, "sources.list.d/e.sources", DEB822.replace("mirror.acme", "right.acme"))
    assert debian_mirror(apt, NONE) == "http://right.acme.example/debian"


def test_ubuntu_asks_debootstrap(apt: Path, tmp_path: Path) -> None:
    write(apt, "sources.list.d/ubuntu.sources", DEB822.replace("bookworm", "noble"))
    program = tmp_path / "debootstrap"
    program.write_text('#!/bin/sh\nDEF_MIRROR="http://archive.example/debian"\n')
    assert debian_mirror(apt, program) == "http://archive.example/debian"
    with pytest.raises(LabError, match="DOCKWARDEN_LAB_MIRROR"):
        debian_mirror(apt, NONE)


def test_the_variable_decides(apt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(apt, "sources.list.d/debian.sources", DEB822)
    monkeypatch.setenv("DOCKWARDEN_LAB_MIRROR", "http://chosen.example/debian/")
    assert debian_mirror(apt, NONE) == "http://chosen.example/debian"
