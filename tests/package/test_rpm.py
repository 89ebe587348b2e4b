"""The rpm in a root of its own: its dependencies resolved, its scripts run, removed again.

No RPM distribution can be had here. The root is Debian's; a stub package provides what RHEL would.
What this cannot show is in docs/internals/packaging.md.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.description import TOP, read, version
from tests.lab.apt import run_checked
from tests.package import roots
from tests.package.built import build

pytestmark = pytest.mark.package

STUB = {
    "name": "distribution-stub",
    "arch": "amd64",
    "version": "9.4",
    "maintainer": "tests",
    "description": "stands in for the base system",
    "provides": [
        *("python3.12", "python3-nftables", "glibc = 2.34", "ca-certificates", "systemd"),
        *("libnftables.so.1()(64bit)", "/bin/sh"),
    ],
    "contents": [{"dst": "/usr/share/distribution-stub", "type": "dir"}],
}


@pytest.fixture(scope="module")
def rpms(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The agent's rpm and the stub."""
    if (why := roots.missing()) or shutil.which("rpm") is None:
        pytest.skip(why or "rpm is not installed: scripts/test --package installs it")
    folder = tmp_path_factory.mktemp("rpm")
    build(folder, "dockwarden", "--format", "rpm")
    (folder / "stub.json").write_text(json.dumps(STUB))
    nfpm = TOP / "build/packaging/tools/bin/nfpm"
    stub = folder / "stub.rpm"
    run_checked(
        [str(nfpm), "package", "-p", "rpm", "-f", str(folder / "stub.json"), "-t", str(stub)]
    )
    return [folder / "dist" / f"dockwarden-{version()}-1.x86_64.rpm", stub]


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A Debian root that nobody else sees, with an empty rpm database."""
    for name in ("upper", "work", "root"):
        (tmp_path / name).mkdir()
    layers = f"lowerdir={roots.root('bookworm')},upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    merged = str(tmp_path / "root")
    run_checked(["mount", "-t", "overlay", "-o", layers, "overlay", merged])
    try:
        run_checked(["rpm", "--root", merged, "--initdb"])
        yield Path(merged)
    finally:
        run_checked(["umount", merged])


def rpm(root: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """rpm on that root."""
    command = ["rpm", "--root", str(root), *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)


def test_it_does_not_install_without_what_it_needs(rpms: list[Path], root: Path) -> None:
    """Each dependency of packages.toml is one of the rpm's."""
    done = rpm(root, "-i", rpms[0])
    assert done.returncode != 0
    package = next(each for each in read()[1] if each.name == "dockwarden")
    for needed in package.depends["rpm"]:
        assert needed in done.stderr


def test_it_is_installed_runs_and_leaves_nothing(rpms: list[Path], root: Path) -> None:
    """As `dnf install`, `dnf reinstall` and `dnf remove` do it, scripts included."""
    done = rpm(root, "-i", *rpms)
    assert done.returncode == 0, done.stderr
    assert rpm(root, "-V", "dockwarden").stdout == ""
    said = run_checked(["chroot", str(root), "dockwarden", "version"])
    assert said == f"dockwarden {version()}\n"
    assert rpm(root, "-U", "--replacepkgs", rpms[0]).returncode == 0
    edited = root / "etc/dockwarden/agent.toml"
    edited.write_text(edited.read_text() + "# ours\n")
    done = rpm(root, "-e", "dockwarden")
    assert done.returncode == 0, done.stderr
    left = sorted(str(path.relative_to(root)) for path in root.glob("*/**/dockwarden*"))
    assert left == ["etc/dockwarden", "var/lib/dockwarden"]
    assert [path.name for path in (root / "etc/dockwarden").iterdir()] == ["agent.toml.rpmsave"]
