"""What can go wrong between the agent and the world; each says what to do next."""

from core.base_errors import DockwardenError


class EngineUnavailable(DockwardenError):
    """The container engine did not answer, or not in time."""


class EngineRefused(EngineUnavailable):
    """The container engine answered, but would or could not do what was asked."""


class AllowlistRejected(DockwardenError):
    """A list was found but cannot be trusted; the last good one stays in force."""


class SyncFailed(DockwardenError):
    """The signed list could not be fetched or verified; the generation in force stays."""


class SinkFailed(DockwardenError):
    """A finding could not be kept."""


class SinkRefused(SinkFailed):
    """The receiver will never take this batch: something in it is malformed or too large."""


class SinkBusy(SinkFailed):
    """The receiver wants to be left alone for `seconds`."""

    def __init__(self, message: str, seconds: float, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.seconds = seconds


class ControlUnavailable(DockwardenError):
    """The agent's control socket does not answer."""


class LayerFailed(DockwardenError):
    """A layer of the lockdown could not be observed, applied or restored; nothing is half done."""
