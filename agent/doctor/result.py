"""The outcome of one check."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """`SKIPPED`: it could not be looked at, or is not configured here."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    """`found` is what is the case, `fix` what to do about it; both in words."""

    check: str
    state: State
    found: str
    fix: str = ""


def ok(check: str, found: str) -> Result:
    """All is well."""
    return Result(check, State.OK, found)


def warning(check: str, found: str, fix: str) -> Result:
    """It works, but may stop working, or could work better."""
    return Result(check, State.WARNING, found, fix)


def failed(check: str, found: str, fix: str) -> Result:
    """Enforcement does not work, or not all of it."""
    return Result(check, State.FAILED, found, fix)


def skipped(check: str, found: str, fix: str = "") -> Result:
    """Nothing to say."""
    return Result(check, State.SKIPPED, found, fix)
