"""Commits exactly the files that were written, where the folder is a git work tree."""

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from registrar.child_processes import clean_environment
from registrar.registrar_errors import HistoryFailed

_SECONDS = 60


def commit(directory: Path, paths: Iterable[Path], message: str) -> bool:
    """One commit of these files, new, changed or gone; whatever else is staged stays out of it.

    Returns whether there was something to commit. Without git, or outside of a work tree, nothing
    happens. Raises `HistoryFailed` with git's own words; the files stay as they were written.
    """
    named = b"\0".join(str(path.absolute()).encode() for path in paths)
    if not named or not _is_tracked(directory):
        return False
    from_input = ["--pathspec-from-file=-", "--pathspec-file-nul"]
    _git(directory, ["add", "--all", *from_input], named)
    if not _git(directory, ["diff", "--cached", "--name-only"], b"").strip():
        return False
    _git(directory, [*_committer(directory), "commit", "-q", "-m", message, *from_input], named)
    return True


def _is_tracked(directory: Path) -> bool:
    try:
        found = subprocess.run(
            ["git", "rev-parse", "--is-inside-work-tree"],
            cwd=directory,
            env=clean_environment(),
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        return False
    return found.returncode == 0 and found.stdout.strip() == b"true"


def start(directory: Path) -> None:
    """Make the folder a work tree, unless it is one or there is no git."""
    if shutil.which("git") and not _is_tracked(directory):
        _git(directory, ["init", "-q"], b"")


def _committer(directory: Path) -> list[str]:
    """A name of our own where git knows none: a service account has no identity."""
    try:
        _git(directory, ["config", "user.email"], b"")
    except HistoryFailed:
        name = ["-c", "user.name=dockwarden-registrar"]
        return [*name, "-c", "user.email=dockwarden-registrar@localhost"]
    return []


def _git(directory: Path, arguments: list[str], given: bytes) -> bytes:
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=directory,
            env=clean_environment(),
            input=given,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise HistoryFailed(
            f"{directory}: git {arguments[0]} took longer than {_SECONDS} s",
            hint="the files are written; commit them by hand",
        ) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip() or "no reason given"
        raise HistoryFailed(
            f"{directory}: git {arguments[0]}: {said}",
            hint="the files are written; correct what git reports, then commit them by hand",
        )
    return done.stdout
