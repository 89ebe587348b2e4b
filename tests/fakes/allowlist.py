"""An allowlist source in memory."""

from collections.abc import Sequence

from agent.errors import AllowlistRejected
from core.allowlist.allowlist import Allowlist, Level, ListInfo


class MemoryAllowlist:
    """Serves what was published last; `spoil` makes it untrustworthy until the next one."""

    def __init__(self) -> None:
        self._current: Allowlist | None = None

    def publish(self, levels: Sequence[Level], sequence: int, contact: str = "") -> None:
        """Make this the list."""
        info = ListInfo(
            sequence=sequence,
            origin="memory, unsigned",
            signed=False,
            scope=levels[-1].scope,
            contact=contact,
            approvals=sum(len(level.approvals) for level in levels),
            denies=sum(len(level.denies) for level in levels),
        )
        self._current = Allowlist(levels, info)

    def spoil(self) -> None:
        """Make the list one that cannot be trusted."""
        self._current = None

    def load(self) -> Allowlist:
        """What was published last."""
        if self._current is None:
            raise AllowlistRejected("memory: there is no list", hint="publish one")
        return self._current

    def watched(self) -> Sequence[str]:
        """Nothing."""
        return ()
