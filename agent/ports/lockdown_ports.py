"""The parts of a locked-down host, and the files whose change means: look again."""

from collections.abc import Callable, Sequence
from typing import Protocol

from agent.ports.lockdown_values import Drift


class FileWatch(Protocol):
    """Reports changes of single files, also when editors replace them or folders are missing."""

    def watch(self, paths: Sequence[str], changed: Callable[[str], None]) -> None:
        """Call `changed(path)` from the watcher's thread, once a burst."""
        ...

    def close(self) -> None:
        """Stop watching."""
        ...


class Layer(Protocol):
    """One part of the lockdown: observe, diff, apply, verify, restore; nothing is remembered that
    could be observed. Raises `LayerFailed`, having changed nothing or put back what it changed."""

    @property
    def name(self) -> str:
        """Constant, short: `daemon.json`, `firewall`."""
        ...

    def drift(self) -> Drift:
        """Observe and compare with what is desired; touches nothing."""
        ...

    def apply(self) -> Drift:
        """Bring it to the desired state and verify; returns what differed before."""
        ...

    def restore(self) -> Drift:
        """Put back what was there before the first `apply`; returns what was undone."""
        ...

    def watched(self) -> Sequence[str]:
        """Files whose change means: look again."""
        ...
