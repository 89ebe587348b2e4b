"""packages.toml as values; builds nothing."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
PACKAGING = TOP / "packaging"
FORMATS = ("deb", "rpm")


@dataclass(frozen=True, slots=True)
class Common:
    """What all packages share; `pythons` are those for which compiled parts are bundled."""

    maintainer: str
    vendor: str
    homepage: str
    license: str
    release: str
    section: str
    pythons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Package:
    """One program: `lock` are its libraries, `code` our own Python packages, `entry` the module
    whose `main` is run; `depends` by format, `files` by the place where they are
    installed; root runs it as `user`, if there is one."""

    name: str
    summary: str
    description: str
    lock: Path
    code: tuple[str, ...]
    entry: str
    depends: dict[str, tuple[str, ...]]
    files: dict[str, Path]
    user: str

    @property
    def library(self) -> str:
        """Where its Python code is installed."""
        return f"/usr/lib/{self.name}"


def read(file: Path = PACKAGING / "packages.toml") -> tuple[Common, tuple[Package, ...]]:
    """Everything that packages.toml says; a key that is missing or unknown raises."""
    tree = tomllib.loads(file.read_text())
    shared = tree["common"]
    depends = {each: tuple(shared.pop(f"{each}_depends")) for each in FORMATS}
    common = Common(**{**shared, "pythons": tuple(shared["pythons"])})
    packages = []
    for name, table in tree["packages"].items():
        own = {each: depends[each] + tuple(table.pop(f"{each}_depends")) for each in FORMATS}
        files = {place: TOP / source for place, source in table.pop("files").items()}
        table |= {"lock": TOP / table["lock"], "code": tuple(table["code"])}
        packages.append(Package(name=name, depends=own, files=files, **table))
    return common, tuple(packages)


def version() -> str:
    """The one version of all three programs: `core.__version__`, read without importing it."""
    return _stated("core/__init__.py", r'^__version__ = "([^"]+)"$')


def state_format() -> int:
    """The newest format of the agent's state that this version reads."""
    return int(_stated("agent/files/state_format.py", r"^FORMAT = (\d+)$"))


def _stated(file: str, pattern: str) -> str:
    found = re.search(pattern, (TOP / file).read_text(), re.MULTILINE)
    if found is None:
        raise ValueError(f"{file} has no line {pattern}")
    return found[1]
