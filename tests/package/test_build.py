"""The packages as files: repeatable, complete, licensed, and clean by lintian and rpmlint."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.description import PACKAGING, Package, read, version
from tests.package.built import build

DATE = {"SOURCE_DATE_EPOCH": "1790000000"}
AGENT = next(each for each in read()[1] if each.name == "dockwarden")


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The agent's packages, built once."""
    folder = tmp_path_factory.mktemp("build")
    yield build(folder, AGENT.name, environment=DATE)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def root(dist: Path) -> Path:
    """What the deb holds, unpacked."""
    target = dist.parent / "unpacked"
    subprocess.run(["dpkg-deb", "-x", _only(dist, "deb"), target], check=True)
    return target


def _only(dist: Path, kind: str) -> Path:
    (file,) = dist.glob(f"*.{kind}")
    return file


def test_a_second_build_elsewhere_yields_the_same_bytes(dist: Path, tmp_path: Path) -> None:
    """The same commit, another folder."""
    again = build(tmp_path, AGENT.name, "--format", "deb", environment=DATE)
    first, second = _only(dist, "deb"), _only(again, "deb")
    assert first.name == second.name == f"dockwarden_{version()}-1_amd64.deb"
    assert first.read_bytes() == second.read_bytes()


def test_every_file_is_roots_and_none_lies_where_it_must_not(dist: Path) -> None:
    """No compiled Python, nothing in the distribution's own Python folders, no odd modes."""
    listed = subprocess.run(
        ["dpkg-deb", "-c", _only(dist, "deb")], check=True, capture_output=True, text=True
    ).stdout
    for line in listed.splitlines():
        mode, owner, _size, _day, _time, name = line.split(None, 5)
        assert owner in {"root/root", "0/0"}, line
        assert mode in {"drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x"}, line
        assert not name.endswith(".pyc"), line
        assert not re.search(r"/python3|dist-packages|site-packages|/usr/local", name), line


def test_compiled_parts_are_there_for_every_python(root: Path) -> None:
    """Each extension module is for all versions, by name or by the stable ABI."""
    names = [path.name for path in root.rglob("*.so")]
    tagged = {name.partition(".")[0] for name in names if ".cpython-" in name}
    assert tagged
    for stem in tagged:
        for python in read()[0].pythons:
            wanted = f"{stem}.cpython-{python.replace('.', '')}-x86_64-linux-gnu.so"
            assert wanted in names, wanted


def test_the_program_runs_from_the_unpacked_tree_alone(root: Path) -> None:
    """Isolated as the launcher does it: nothing that is installed here is seen."""
    library = root / AGENT.library.lstrip("/")
    code = (
        f"import sys; sys.path.insert(0, {str(library)!r})\nfrom {AGENT.entry} import main; main()"
    )
    done = subprocess.run(
        ["/usr/bin/python3", "-ISB", "-c", code, "version"],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.skip(f"the distribution's python3 is of no bundled version: {done.stderr[-200:]}")
    assert done.stdout == f"dockwarden {version()}\n"


def test_the_manual_and_completions_are_where_shells_and_man_look(root: Path) -> None:
    """For the program and for each of its commands."""
    pages = {path.name for path in (root / "usr/share/man/man8").iterdir()}
    assert {"dockwarden.8.gz", "dockwarden-status.8.gz"} <= pages
    for place in ("bash-completion/completions/dockwarden", "zsh/vendor-completions/_dockwarden"):
        assert (root / "usr/share" / place).read_text()


def test_sbom_and_licences_name_what_is_locked(root: Path) -> None:
    """Every library of the lock file that Linux has, with a licence that we may distribute."""
    folder = root / "usr/share/doc" / AGENT.name
    document = json.loads((folder / "sbom.cdx.json").read_text())
    assert document["bomFormat"] == "CycloneDX"
    named = {each["name"].lower().replace("_", "-"): each for each in document["components"]}
    assert set(named) == _locked(AGENT)
    licences = (folder / "copyright").read_text()
    for name, component in named.items():
        licence = component["licenses"][0]["license"]["name"]
        assert not re.search(r"\b(A?GPL|GPL)", licence), (name, licence)
        assert f"{component['name']} {component['version']}: {licence}" in licences


def _locked(package: Package) -> set[str]:
    lines = package.lock.read_text().splitlines()
    found = (re.match(r"([A-Za-z0-9._-]+)==", line) for line in lines if "win32" not in line)
    return {match[1].lower() for match in found if match}


def test_lintian_has_nothing_to_say(dist: Path) -> None:
    """Overrides are in packaging/lintian-overrides, each with its reason."""
    if shutil.which("lintian") is None:
        pytest.skip("lintian is not installed: apt-get install lintian")
    done = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error,warning", _only(dist, "deb")],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_rpmlint_has_nothing_to_say(dist: Path) -> None:
    """Filters are in packaging/rpmlint.toml, each with its reason."""
    if shutil.which("rpmlint") is None:
        pytest.skip("rpmlint is not installed: apt-get install rpmlint")
    done = subprocess.run(
        ["rpmlint", "--strict", "-c", PACKAGING / "rpmlint.toml", _only(dist, "rpm")],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
