"""Builds deb and rpm of all three programs, saying what it does; packaging/build starts it."""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from builder.bundle import PLATFORMS, lay_out, settle
from builder.description import FORMATS, TOP, Common, Package, read, version
from builder.guides import write_guides
from builder.inventory import write_documents
from builder.nfpm import Build, pack


def main() -> int:
    """Build what was asked for; the first failure ends it."""
    common, packages = read()
    given = _arguments([package.name for package in packages])
    build = Build(given.version, given.arch, _epoch(), given.output.resolve(), given.work.resolve())
    build.output.mkdir(parents=True, exist_ok=True)
    for package in packages:
        if not given.names or package.name in given.names:
            _build(package, common, build, [given.format] if given.format else FORMATS)
    return 0


def _arguments(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="packaging/build", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="PACKAGE", help=f"of {', '.join(names)}")
    parser.add_argument("--format", choices=FORMATS, help="only this one")
    parser.add_argument("--arch", choices=sorted(PLATFORMS), default="amd64")
    parser.add_argument("--version", default=version(), help="another than core.__version__")
    parser.add_argument("--output", type=Path, default=TOP / "dist")
    parser.add_argument("--work", type=Path, default=TOP / "build/packaging")
    given = parser.parse_args()
    if unknown := set(given.names) - set(names):
        parser.error(f"no package {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return given


def _build(package: Package, common: Common, build: Build, kinds: Sequence[str]) -> None:
    _say(package, f"libraries for Python {', '.join(common.pythons)}")
    root = lay_out(package, common, build.arch, build.work / package.name)
    parts = write_documents(root, package, common, build.version, build.epoch)
    write_guides(root, package, build.version)
    settle(root, build.epoch)
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    _say(package, f"{len(parts)} libraries, {size / 1e6:.0f} MB installed")
    for kind in kinds:
        begun = time.monotonic()
        file = pack(root, package, common, build, kind)
        took = time.monotonic() - begun
        _say(package, f"{file.name}, {file.stat().st_size / 1e6:.1f} MB, packed in {took:.0f} s")


def _epoch() -> int:
    """The time that all files bear: SOURCE_DATE_EPOCH, else the last commit's."""
    stated = os.environ.get("SOURCE_DATE_EPOCH")
    if stated:
        return int(stated)
    command = ["git", "-C", str(TOP), "log", "-1", "--format=%ct"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit("packaging/build: no git history to take the date from; set SOURCE_DATE_EPOCH")
    return int(done.stdout)


def _say(package: Package, line: str) -> None:
    print(f"{package.name}: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
