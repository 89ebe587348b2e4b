"""The engines there are: what each is made of, and one as it lies unpacked on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.lab.errors import EngineUnusable

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an engine is made of: packages of one suite, and older suites to fall back to."""

    name: str
    suite: str
    packages: tuple[str, ...]
    containerd_store: bool
    older_suites: tuple[str, ...] = ()


_COMMON = ("docker.io", "containerd", "runc")
_SPLIT = (*_COMMON, "docker-cli", "docker-buildx")

CATALOGUE = {
    recipe.name: recipe
    for recipe in (
        Recipe("20.10", "bookworm", (*_COMMON, "tini"), containerd_store=False),
        Recipe("26.1", "trixie", (*_SPLIT, "tini"), True, ("bookworm",)),
        Recipe("newest", "sid", (*_SPLIT, "tini-static"), True, ("trixie", "bookworm")),
    )
}


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine as unpacked on this machine; ``problem`` is empty when it can run here."""

    name: str
    version: str
    root: Path
    packages: tuple[str, ...]
    containerd_store: bool
    problem: str = ""

    @property
    def usable(self) -> bool:
        """Whether the engine's programs run on this machine."""
        return not self.problem

    @property
    def environment(self) -> dict[str, str]:
        """The environment its programs want: PATH, and own libraries where the machine has none."""
        variables = {"PATH": f"{self.root}/usr/sbin:{self.root}/usr/bin:{SYSTEM_PATH}"}
        libraries = [str(path) for path in sorted((self.root / "lib-extra").glob("usr/lib/*"))]
        if libraries:
            variables["LD_LIBRARY_PATH"] = ":".join(libraries)
        return variables

    def program(self, name: str) -> str:
        """Return the path of one of the engine's programs."""
        for directory in ("usr/sbin", "usr/bin"):
            path = self.root / directory / name
            if path.exists():
                return str(path)
        raise EngineUnusable(f"engine {self.name} has no program {name}")
