"""What is said where an extra is not installed: in an environment that really lacks it."""

import base64
import json
import os
import subprocess
import tomllib
import venv
from importlib.metadata import Distribution, distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from agent.helpers.sync.sync_request import Request, to_json
from core.extras import MODULES

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SIGNED = 'a signed allowlist needs the extra "signed", which is not installed with this agent'
HINT = "pip install 'dockwarden[signed]'"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a virtual environment with the agent's own dependencies only."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "dockwarden.pth").write_text(f"{ROOT}\n")
    for found in without_extras():
        for top in {file.parts[0] for file in found.files or () if file.parts[0] != ".."}:
            if not (site / top).exists():
                (site / top).symlink_to(str(found.locate_file(top)))
    return folder / "bin/python"


def without_extras() -> list[Distribution]:
    """The dependencies of `pip install dockwarden`, and theirs."""
    kept: dict[str, Distribution] = {}
    waiting = list(PROJECT["dependencies"])
    while waiting:
        wanted = Requirement(waiting.pop())
        name = canonicalize_name(wanted.name)
        if name not in kept and (wanted.marker is None or wanted.marker.evaluate({"extra": ""})):
            kept[name] = distribution(name)
            waiting += kept[name].requires or ()
    return list(kept.values())


def run(python: Path, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environ = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [python, *words], input=given, capture_output=True, check=False, env=environ, cwd="/"
    )


def script(name: str) -> tuple[str, str]:
    module, function = PROJECT["scripts"][name].split(":")
    return "-c", f"from {module} import {function}; {function}()"


@pytest.mark.parametrize("extra", ["collector", "registrar"])
def test_a_command_names_its_extra_in_one_line(python: Path, extra: str) -> None:
    install = f"pip install 'dockwarden[{extra}]'"
    line = f'dockwarden-{extra}: this needs the extra "{extra}": {install}\n'
    for start in (script(f"dockwarden-{extra}"), ("-m", extra)):
        said = run(python, *start, "--help")
        assert (said.returncode, said.stdout) == (2, b"")
        assert said.stderr.decode() == line


def test_the_agent_needs_no_extra(python: Path) -> None:
    said = run(python, *script("dockwarden"), "--help")
    assert (said.returncode, said.stderr) == (0, b"")


def test_a_sync_says_what_to_install(python: Path, tmp_path: Path) -> None:
    request = Request(
        "https://lists.acme.test", scope="acme", root_file="/none", directory=str(tmp_path), now=1e9
    )
    said = run(python, "-m", "agent.helpers.sync", given=to_json(request))
    assert (said.returncode, said.stderr) == (0, b"")
    report = json.loads(said.stdout)
    assert (report["error"], report["hint"]) == (SIGNED, HINT)


def test_a_token_that_cannot_be_verified_does_not_count(python: Path, tmp_path: Path) -> None:
    (tmp_path / "CURRENT").write_text("1")
    (tmp_path / "1/payload").mkdir(parents=True)
    policy = {"policy": {"break_glass_keys": [{"keyid": "a"}]}}
    (tmp_path / "1/payload/acme.list.json").write_text(json.dumps(policy))
    request = {
        "token": base64.b64encode(b"{}").decode(),
        "directory": str(tmp_path),
        "host": "h",
        "now": "2027-01-01T00:00:00+00:00",
    }
    said = run(python, "-m", "agent.helpers.sync.token", given=json.dumps(request).encode())
    assert (said.returncode, said.stderr) == (1, b"")
    assert json.loads(said.stdout) == {"error": SIGNED, "hint": HINT}


@pytest.mark.parametrize(
    ("source", "warned"), [("https://lists.acme.test", True), ("file:/x.json", False)]
)
def test_validate_warns_of_a_list_that_cannot_be_fetched(
    python: Path, tmp_path: Path, source: str, warned: bool
) -> None:
    path = tmp_path / "agent.toml"
    path.write_text(f'[allowlist]\nsource = "{source}"\nscope = "acme"\n')
    path.chmod(0o644)
    said = run(python, *script("dockwarden"), "config", "validate", "--config", str(path))
    assert said.returncode == 0
    assert (f"{SIGNED}; {HINT}" in said.stderr.decode()) is warned


@pytest.mark.parametrize("extra", MODULES)
def test_the_modules_are_those_of_the_project_file(extra: str) -> None:
    wanted = {canonicalize_name(Requirement(text).name) for text in required(extra)}
    names = packages_distributions()
    given = {canonicalize_name(names[module][0]) for module in MODULES[extra]}
    assert given - {"cryptography"} == wanted  # which securesystemslib[crypto] brings


def required(extra: str) -> list[str]:
    """The extra's requirements, those of our extras it names included."""
    found: list[str] = []
    for text in PROJECT["optional-dependencies"][extra]:
        wanted = Requirement(text)
        if wanted.name == PROJECT["name"]:
            found += [more for name in wanted.extras for more in required(name)]
        else:
            found.append(text)
    return found
