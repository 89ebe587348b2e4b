"""Putting an engine together from Debian's packages, and finding out whether it runs here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.lab.apt import PackageMissing, PrivateApt
from tests.lab.catalogue import Engine, Recipe
from tests.lab.errors import EngineUnusable
from tests.patience import PATIENCE

PROGRAMS = ("dockerd", "docker", "containerd", "runc")

LIBRARY_SUITE = "bookworm"
"""The oldest suite: its libraries work with this machine's libc, whatever that is."""

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


def assemble(recipe: Recipe, apt: PrivateApt, staging: Path, root: Path) -> Engine:
    """Unpack a recipe into ``staging`` as the engine that will lie in ``root``.

    An engine that does not run here is returned with its problem; raises ``LabError`` when the
    packages could not be had, which says nothing of the engine.
    """
    files, problem, version = [], "", ""
    try:
        for package in recipe.packages:
            files.append(_unpack_runnable(recipe, package, apt, staging))
        trial = Engine(recipe.name, "", staging, (), recipe.containerd_store)
        version = _version(_first_line(trial, "dockerd"))
        for program in PROGRAMS:
            _first_line(trial, program)
    except EngineUnusable as error:
        problem = str(error)
    return Engine(recipe.name, version, root, tuple(files), recipe.containerd_store, problem)


def _unpack_runnable(recipe: Recipe, package: str, apt: PrivateApt, staging: Path) -> str:
    """Unpack a package, from an older suite if this machine's libc is too old for the newer one."""
    reasons = []
    for suite in (recipe.suite, *recipe.older_suites):
        try:
            name = apt.unpack(package, suite, staging)
        except PackageMissing as error:
            reasons.append(str(error))
            continue
        _complete_libraries(apt, staging)
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
    except EngineUnusable as error:
        return str(error)
    return ""


def _complete_libraries(apt: PrivateApt, staging: Path) -> None:
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
                timeout=PATIENCE,
            )
            missing |= set(re.findall(r"(\S+\.so\S*) => not found", ldd.stdout))
        wanted = {LIBRARY_PACKAGES[name] for name in missing if name in LIBRARY_PACKAGES}
        if not wanted:
            return
        for package in sorted(wanted):
            say(f"this machine lacks {package}: adding it beside the engine")
            apt.unpack(package, LIBRARY_SUITE, extra)
        for libraries in extra.glob("lib/*"):
            shutil.copytree(libraries, extra / "usr/lib" / libraries.name, dirs_exist_ok=True)


def _first_line(engine: Engine, program: str) -> str:
    done = subprocess.run(
        [engine.program(program), "--version"],
        check=False,
        env=engine.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    if done.returncode:
        raise EngineUnusable(f"{program} --version: {done.stderr.strip()[-200:]}")
    return done.stdout.splitlines()[0]


def _version(line: str) -> str:
    found = re.search(r"\d+\.\d+\.\d+", line)
    return found.group() if found else line


def say(line: str) -> None:
    """Say what is being done."""
    print(line, file=sys.stderr, flush=True)
