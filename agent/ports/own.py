"""What the agent knows of its own processes and of the system it runs on."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Figures:
    """Of all the agent's processes together; `cpu_seconds` is user and system time."""

    rss_bytes: int
    cpu_seconds: float
    uptime_s: float
    threads: int


@dataclass(frozen=True, slots=True)
class System:
    """The operating system's name, the kernel's release, the kernel's id of this boot."""

    os: str
    kernel: str
    boot_id: str


class Own(Protocol):
    """Reads both; may take some milliseconds."""

    def figures(self) -> Figures:
        """Now."""
        ...

    def system(self) -> System:
        """What does not change while it runs."""
        ...
