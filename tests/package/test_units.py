"""The units as files: systemd takes them, and what they start is in the packages."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from builder.description import TOP, read

UNITS = sorted(
    path for path in (TOP / "systemd").iterdir() if path.suffix in {".service", ".slice", ".timer"}
)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_understands_every_line(unit: Path, tmp_path: Path) -> None:
    """`systemd-analyze verify`; that the programs are not installed here is not a fault."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    for each in UNITS:
        shutil.copy(each, tmp_path)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / unit.name],
        check=False,
        capture_output=True,
        text=True,
    )
    own = [line for line in done.stderr.splitlines() if unit.name in line]
    assert not [line for line in own if "is not executable" not in line], own


@pytest.mark.parametrize(("name", "most"), [("dockwarden", 2.5), ("dockwarden-collector", 1.5)])
def test_the_services_are_confined(name: str, most: float) -> None:
    """The exposure that `systemd-analyze security` gives, printed for the record."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    unit = TOP / "systemd" / f"{name}.service"
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    line = done.stdout.strip().splitlines()[-1]
    print(line)
    assert float(line.partition(": ")[2].split()[0]) <= most, done.stdout


def test_every_unit_is_in_one_package_and_starts_what_is_in_it() -> None:
    """Each file below systemd/ is installed exactly once."""
    packed = [source for package in read()[1] for source in package.files.values()]
    assert all(source.is_file() for source in packed)
    files = [path for path in (TOP / "systemd").rglob("*") if path.is_file()]
    assert sorted(path for path in packed if "systemd" in path.parts) == sorted(files)
    for package in read()[1]:
        for source in package.files.values():
            started = re.findall(r"^ExecStart=(\S+)", source.read_text(), re.MULTILINE)
            assert set(started) <= {f"/usr/bin/{package.name}"}, source
