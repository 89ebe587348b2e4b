"""What can go wrong for a registry administrator; each says what to do next."""

from core.base_errors import DockwardenError


class WorkspaceInvalid(DockwardenError):
    """A file of the workspace is missing or wrong; nothing was changed."""


class KeyUnusable(DockwardenError):
    """A key cannot be made, found, opened or used; nothing was changed."""


class NotReady(DockwardenError):
    """Signatures are missing, or something changed since they were made; nothing was published."""


class RepositoryBroken(DockwardenError):
    """What is published, or would be, is not what a host would trust."""


class HistoryFailed(DockwardenError):
    """The change is written, but git did not take it."""


def wrong(at: str, message: str, hint: str) -> WorkspaceInvalid:
    """What a file of the workspace says wrongly; `at` names file and key."""
    return WorkspaceInvalid(f"{at}: {message}", hint=hint)


class ScanReportError(DockwardenError):
    """A scanner's report cannot be read; it proves nothing about the image."""
