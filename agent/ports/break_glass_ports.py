"""What break-glass asks of the outside world."""

from datetime import datetime
from typing import Protocol

from core.allowlist.break_glass_token import BreakGlassState, Token


class TokenVerifier(Protocol):
    """Says whether a token was signed by somebody who may."""

    @property
    def host(self) -> str:
        """This host's id, as tokens name it: 32 hexadecimal digits."""
        ...

    def verify(self, token: bytes, now: datetime) -> Token:
        """What a token for this host says; takes up to seconds. Raises `InvalidToken`."""
        ...


class BreakGlassStore(Protocol):
    """Survives the agent's death."""

    def read(self) -> BreakGlassState:
        """What was written last; an empty one at first. Raises `DockwardenError` for a file that
        cannot be read."""
        ...

    def write(self, state: BreakGlassState) -> None:
        """Durably. Raises `DockwardenError`."""
        ...
