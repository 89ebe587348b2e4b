"""Lays out one package's files below a folder: libraries, our code, launcher."""

import filecmp
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from builder.description import PACKAGING, TOP, Common, Package

# glibc 2.28 is RHEL 8's, the oldest that any supported distribution has.
PLATFORMS = {"amd64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}

# Needed by nobody at run time. RECORD would be wrong without the rest; the others differ between
# Python versions or name this machine.
_UNUSED = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "WHEEL")
_UNUSED_ENDINGS = (".pyi", ".pyc", ".pxd", ".pyx", ".c", ".h", ".sh", ".lock")
_UNUSED_FOLDERS = frozenset({"__pycache__", "tests", "test", "testing"})


class BundleConflict(Exception):
    """Two Python versions' builds of a library disagree about a file that both would load."""


def lay_out(package: Package, common: Common, arch: str, work: Path) -> Path:
    """The package's tree below a fresh `work`, as it will lie below `/`; returns it."""
    shutil.rmtree(work, ignore_errors=True)
    root = work / "root"
    library = root / package.library.lstrip("/")
    library.mkdir(parents=True)
    # The oldest comes last: its compiled stable-ABI parts are the ones that all versions load.
    for python in sorted(common.pythons, key=_numbers, reverse=True):
        fetched = work / python
        _install(package.lock, python, arch, fetched)
        _merge(fetched, library)
        shutil.rmtree(fetched)
    for name in package.code:
        shutil.copytree(TOP / name, library / name, ignore=shutil.ignore_patterns("__pycache__"))
    for place, source in package.files.items():
        target = root / place.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    _write_launcher(package, common, root / "usr/bin" / package.name)
    return root


def settle(root: Path, epoch: int) -> None:
    """Give every file the same time, and the mode that its kind has, wherever it was built."""
    for path in sorted(root.rglob("*")):
        runs = path.is_dir() or (bool(path.stat().st_mode & 0o100) and path.parent.name == "bin")
        path.chmod(0o755 if runs else 0o644)
        os.utime(path, (epoch, epoch))


def _install(lock: Path, python: str, arch: str, target: Path) -> None:
    """Exactly what the lock says, by hash, as wheels for that Python."""
    options = {
        "--target": str(target),
        "--link-mode": "copy",
        "--python-version": python,
        "--python-platform": PLATFORMS[arch],
        "--only-binary": ":all:",
        "-r": str(lock),
    }
    words = [word for pair in options.items() for word in pair]
    command = ["uv", "pip", "install", "--quiet", "--require-hashes", "--no-deps", *words]
    subprocess.run(command, check=True)


def _merge(source: Path, target: Path) -> None:
    """Add one Python version's files; compiled ones carry the version in their name."""
    for path in _used(source):
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists() and not _may_replace(path) and not filecmp.cmp(path, place, False):
            raise BundleConflict(f"{path.relative_to(source)} differs between Python versions")
        shutil.copyfile(path, place)


def _used(top: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(top):
        names[:] = sorted(name for name in names if _keeps(Path(folder) / name, top))
        for name in sorted(files):
            hidden = name.startswith(".")
            if not hidden and name not in _UNUSED and not name.endswith(_UNUSED_ENDINGS):
                yield Path(folder) / name


def _keeps(folder: Path, top: Path) -> bool:
    """Whether a folder is wanted: no caches, no commands, no test suites of libraries."""
    return folder.name not in _UNUSED_FOLDERS and not (
        folder.parent == top and folder.name == "bin"
    )


def _may_replace(path: Path) -> bool:
    """Stable-ABI modules serve their Python version and all later ones; notes are only read."""
    return path.name.endswith(".abi3.so") or any(".dist-info" in each.name for each in path.parents)


def _write_launcher(package: Package, common: Common, place: Path) -> None:
    text = (PACKAGING / "launcher.sh").read_text()
    newest_first = sorted(common.pythons, key=_numbers, reverse=True)
    words = {
        "NAME": package.name,
        "ENTRY": package.entry,
        "PYTHONS": " ".join(newest_first),
        "USER": package.user,
    }
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    place.parent.mkdir(parents=True)
    place.write_text(text)
    place.chmod(0o755)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
