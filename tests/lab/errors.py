"""The lab's errors: what is wrong and what to do about it."""

from __future__ import annotations


class LabError(Exception):
    """The lab cannot do what was asked; ``hint`` says what would help."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} ({hint})" if hint else message)
        self.message = message
        self.hint = hint


class EngineUnusable(LabError):
    """An engine of the catalogue cannot run on this machine."""


class CgroupUnavailable(LabError):
    """This machine has no cgroup hierarchy of the version that was asked for."""
