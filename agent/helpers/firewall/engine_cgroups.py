"""Which cgroups are the engines', by their present ids; an engine that restarts gets a new one."""

from __future__ import annotations

import os

from agent.helpers.gate.hierarchy import read
from agent.helpers.gate.inotify import Inotify
from agent.helpers.gate.mounts import hierarchies

NO_CGROUP2 = (
    "no cgroup2 hierarchy is mounted, so the engine's own connections cannot be recognised and "
    "only known registries are refused: mount -t cgroup2 none /sys/fs/cgroup/unified, or boot "
    "with systemd.unified_cgroup_hierarchy=1"
)


class Engines:
    """Paths relative to the cgroup2 mount; watches where each of them appears and goes."""

    def __init__(self) -> None:
        self._mount = hierarchies(read("/proc/self/mountinfo")).get("2", "")
        self._inotify = Inotify()
        self._paths: set[str] = set()

    @property
    def fd(self) -> int:
        """For poll(2)."""
        return self._inotify.fd

    @property
    def possible(self) -> bool:
        """Whether there is a hierarchy to match by."""
        return bool(self._mount)

    def follow(self, paths: set[str]) -> dict[str, int]:
        """Watch these from now on; returns the ids of those that exist."""
        self._paths = paths if self._mount else set()
        return self.ids()

    def drain(self) -> None:
        """Forget what was heard; `ids` looks at everything."""
        self._inotify.read()

    def ids(self) -> dict[str, int]:
        """The ids now. The watch is set before the look, so that nothing falls in between."""
        found = {}
        for path in self._paths:
            self._watch(path)
            try:
                found[path] = _id(f"{self._mount}/{path}")
            except OSError:  # the engine is down
                continue
        return found

    def _watch(self, path: str) -> None:
        """Every ancestor from the top down, as far as they are there: whichever is made next is
        then reported."""
        directory = self._mount
        for part in ["", *path.split("/")[:-1]]:
            directory = f"{directory}/{part}".rstrip("/")
            try:
                self._inotify.add(directory)
            except OSError:  # not there yet
                return


def _id(path: str) -> int:
    return os.stat(path).st_ino  # noqa: PTH116 - no pathlib here
