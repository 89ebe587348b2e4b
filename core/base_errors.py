"""The root of every error dockwarden raises on purpose; knows nothing of who raises it."""


class DockwardenError(Exception):
    """Something went wrong that a person can act on: `message` says what, `hint` the next step."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class InvalidDigest(DockwardenError):
    """The text is not a content digest."""


class InvalidReference(DockwardenError):
    """The text is not an image reference."""


class InvalidAllowlist(DockwardenError):
    """The document is not an allowlist of the published schema."""


class InvalidFile(DockwardenError):
    """Somebody else's file is not what its format demands; nothing was changed."""


class ConfigInvalid(DockwardenError):
    """The configuration is wrong; `problems` lists every error with file, key and fix."""

    def __init__(self, problems: list[str], *, hint: str = "") -> None:
        super().__init__("\n".join(problems), hint=hint)
        self.problems = problems
