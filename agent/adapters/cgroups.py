"""The third net: kills a container through its cgroup, past the engine; knows no Docker API."""

import time
from collections.abc import Iterator, Sequence

from agent.gate.hierarchy import Freezer, freezer, is_gone, walk
from agent.gate.mounts import below, locate
from agent.gate.names import recognise

_FIRST_PAUSE = 0.0002  # s
_LONGEST_PAUSE = 0.02  # s


class CgroupProcesses:
    """`ports.Processes` on cgroup v1 (its freezer hierarchy) or v2.

    `version` is "1", "2" or "" (look it up), `mount` the hierarchy's mount point or "",
    `roots` where containers' cgroups are searched, relative to it. Raises `LookupError` when no
    such hierarchy is mounted.
    """

    def __init__(self, version: str = "", mount: str = "", roots: Sequence[str] = ("/",)) -> None:
        version, self._mount = locate(version, mount)
        self._freezer: Freezer = freezer(version)
        self._roots = roots

    def kill(self, container_id: str, cgroup: str | None) -> bool:
        """SIGKILL every process of the container's cgroup; False when none was found."""
        found = False
        for path in self._paths(container_id, cgroup):
            try:
                found |= self._freezer.kill(path)
            except OSError as error:
                if not is_gone(error):
                    raise
        return found

    def wait_empty(self, container_id: str, cgroup: str | None, timeout: float) -> bool:
        """Wait until no process of it is left; False when `timeout` seconds are over."""
        deadline = time.monotonic() + timeout
        pause = _FIRST_PAUSE
        paths = self._paths(container_id, cgroup)
        while paths := [path for path in paths if self._is_populated(path)]:
            if time.monotonic() >= deadline:
                return False
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        return True

    def _is_populated(self, path: str) -> bool:
        try:
            return self._freezer.is_populated(path)
        except OSError as error:
            if is_gone(error):
                return False
            raise

    def _paths(self, container_id: str, cgroup: str | None) -> list[str]:
        """The known directory, else every one of the container's name."""
        return [cgroup] if cgroup is not None else list(self._search(container_id))

    def _search(self, container_id: str) -> Iterator[str]:
        for top in below(self._mount, self._roots):
            for path in walk(top):
                named = recognise(path)
                if named is not None and named[0] == container_id:
                    yield path
