"""The catalogue of engines: Debian's own builds of several ages, unpacked side by side.

``python -m tests.lab.engines fetch [NAME ...]`` downloads them, ``list`` says what is there. An
engine that cannot run on this machine is kept in the list with its reason.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.lab.apt import PrivateApt
from tests.lab.errors import EngineUnusable, LabError
from tests.lab.paths import cache_directory, cache_lock

LAYOUT = 2
"""Counts changes to how engines are unpacked; an engine of another layout is fetched anew."""

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PROGRAMS = ("dockerd", "docker", "containerd", "runc")

LIBRARY_PACKAGES = {
    "libdevmapper.so.1.02.1": "libdevmapper1.02.1",
    "libseccomp.so.2": "libseccomp2",
    "libsystemd.so.0": "libsystemd0",
    "libselinux.so.1": "libselinux1",
    "libudev.so.1": "libudev1",
    "libcap.so.2": "libcap2",
    "libgcrypt.so.20": "libgcrypt20",
    "libgpg-error.so.0": "libgpg-error0",
    "liblzma.so.5": "liblzma5",
    "libzstd.so.1": "libzstd1",
    "liblz4.so.1": "liblz4-1",
    "libpcre2-8.so.0": "libpcre2-8-0",
    "libnftables.so.1": "libnftables1",
}


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


def load(name: str) -> Engine:
    """Return an engine of the catalogue, fetched first if it is not there yet.

    Raises ``EngineUnusable`` if it cannot run on this machine.
    """
    engine = fetch(name)
    if not engine.usable:
        raise EngineUnusable(f"engine {name} cannot run here: {engine.problem}")
    return engine


def fetch(name: str, *, refresh: bool = False) -> Engine:
    """Download and unpack an engine unless it is there; say what is being done."""
    if name not in CATALOGUE:
        raise LabError(f"no engine {name!r}", f"known: {', '.join(CATALOGUE)}")
    root = cache_directory() / "engines" / name
    known = _read(root)
    if known and not refresh:
        return known
    with cache_lock():
        known = _read(root)
        return known if known and not refresh else _fetch(CATALOGUE[name], root, refresh)


def _fetch(recipe: Recipe, root: Path, refresh: bool) -> Engine:
    name, apt = recipe.name, PrivateApt(cache_directory() / "apt")
    _say(f"engine {name}: fetching {' '.join(recipe.packages)} of Debian {recipe.suite}")
    apt.update(force=refresh)
    staging = root.with_name(f"{name}.{os.getpid()}")
    shutil.rmtree(staging, ignore_errors=True)
    engine = _assemble(recipe, apt, staging, root)
    (staging / "engine.json").write_text(
        json.dumps({"layout": LAYOUT, **asdict(engine), "root": str(root)}, indent=1)
    )
    shutil.rmtree(root, ignore_errors=True)
    staging.rename(root)
    _say(f"engine {name}: {engine.problem or 'version ' + engine.version}")
    return engine


def _assemble(recipe: Recipe, apt: PrivateApt, staging: Path, root: Path) -> Engine:
    files, problem, version = [], "", ""
    try:
        for package in recipe.packages:
            files.append(_unpack_runnable(recipe, package, apt, staging))
        trial = Engine(recipe.name, "", staging, (), recipe.containerd_store)
        version = _version(_first_line(trial, "dockerd"))
        for program in PROGRAMS:
            _first_line(trial, program)
    except (LabError, subprocess.SubprocessError, OSError) as error:
        problem = str(error)
    return Engine(recipe.name, version, root, tuple(files), recipe.containerd_store, problem)


def _unpack_runnable(recipe: Recipe, package: str, apt: PrivateApt, staging: Path) -> str:
    """Unpack a package, from an older suite if this machine's libc is too old for the newer one."""
    reasons = []
    for suite in (recipe.suite, *recipe.older_suites):
        try:
            name = apt.unpack(package, suite, staging)
            _complete_libraries(recipe, apt, staging)
        except LabError as error:
            reasons.append(f"{suite}: {error}")
            continue
        broken = _broken(staging, package)
        if not broken:
            return name
        reasons.append(f"{suite}: {broken}")
    raise EngineUnusable(f"no usable {package}: {'; '.join(reasons)}")


def _broken(staging: Path, package: str) -> str:
    """Return why the package's main program does not run here, empty if it does."""
    program = {"docker.io": "dockerd", "docker-cli": "docker"}.get(package, package)
    if program not in PROGRAMS:
        return ""
    try:
        _first_line(Engine(package, "", staging, (), False), program)
    except LabError as error:
        return str(error)
    return ""


def _complete_libraries(recipe: Recipe, apt: PrivateApt, staging: Path) -> None:
    """Add the shared libraries that the machine lacks (never libc itself) beside the engine."""
    extra = staging / "lib-extra"
    for _ in range(6):
        environment = {**os.environ, **Engine("", "", staging, (), False).environment}
        missing: set[str] = set()
        for path in staging.glob("usr/*bin/*"):
            ldd = subprocess.run(
                ["ldd", path],
                check=False,
                env=environment,
                capture_output=True,
                text=True,
                timeout=30,
            )
            missing |= set(re.findall(r"(\S+\.so\S*) => not found", ldd.stdout))
        wanted = {LIBRARY_PACKAGES[name] for name in missing if name in LIBRARY_PACKAGES}
        if not wanted:
            return
        for package in sorted(wanted):
            _say(f"engine {recipe.name}: adding library {package}")
            apt.unpack(package, recipe.suite, extra)
        for libraries in extra.glob("lib/*"):
            shutil.copytree(libraries, extra / "usr/lib" / libraries.name, dirs_exist_ok=True)


def _first_line(engine: Engine, program: str) -> str:
    done = subprocess.run(
        [engine.program(program), "--version"],
        check=False,
        env=engine.environment,
        capture_output=True,
        text=True,
        timeout=30,
    )
    if done.returncode:
        raise EngineUnusable(f"{program} --version: {done.stderr.strip()[-200:]}")
    return done.stdout.splitlines()[0]


def _version(line: str) -> str:
    found = re.search(r"\d+\.\d+\.\d+", line)
    return found.group() if found else line


def _read(root: Path) -> Engine | None:
    try:
        stored = json.loads((root / "engine.json").read_text())
    except FileNotFoundError:
        return None
    if stored.pop("layout") != LAYOUT:
        return None
    stored["root"] = Path(stored["root"])
    stored["packages"] = tuple(stored["packages"])
    return Engine(**stored)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Fetch or list engines; exit 1 when one of those asked for cannot run here."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.engines", description=__doc__)
    parser.add_argument("command", choices=("fetch", "list"))
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CATALOGUE))
    parser.add_argument("--refresh", action="store_true", help="fetch again what is there")
    options = parser.parse_args(arguments)
    unusable = 0
    for name in options.names or CATALOGUE:
        if options.command == "fetch":
            engine: Engine | None = fetch(name, refresh=options.refresh)
        else:
            engine = _read(cache_directory() / "engines" / name)
        state = engine and (engine.problem or f"{engine.version} in {engine.root}")
        print(f"{name:8} {state or 'not fetched'}")
        unusable += bool(engine and not engine.usable)
    return 1 if unusable else 0


if __name__ == "__main__":
    sys.exit(main())
