"""The start point: kills a container through its cgroup, past the engine; knows no Docker API."""

import time
from collections.abc import Callable, Iterator, Sequence

from agent.helpers.gate.container_names import recognise
from agent.helpers.gate.hierarchy import Freezer, freezer, is_gone, walk
from agent.helpers.gate.mounts import below, locate
from agent.log import get_logger

log = get_logger(__name__)

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
        self._told: set[int | None] = set()

    def kill(self, container_id: str, cgroup: str | None) -> bool:
        """SIGKILL every process of the container's cgroup; False when none was found, or when the
        kernel would not do it (that is logged): the engine has to be asked in any case."""
        paths = self._paths(container_id, cgroup) or []
        killed = [self._ask(self._freezer.kill, path, refused=False) for path in paths]
        return any(killed)  # each was asked, whatever came of the one before

    def wait_empty(self, container_id: str, cgroup: str | None, timeout: float) -> bool:
        """Wait until no process of it is left; False when `timeout` seconds are over, or when its
        cgroup cannot be searched for. One that cannot be read counts as populated."""
        deadline = time.monotonic() + timeout
        pause = _FIRST_PAUSE
        paths = self._paths(container_id, cgroup)
        if paths is None:
            return False
        while paths := [path for path in paths if self._is_populated(path)]:
            if time.monotonic() >= deadline:
                return False
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        return True

    def _is_populated(self, path: str) -> bool:
        return self._ask(self._freezer.is_populated, path, refused=True)

    def _ask(self, question: Callable[[str], bool], path: str, *, refused: bool) -> bool:
        """The kernel's answer about a cgroup: False for one that is gone, else `refused` when
        there is none (read-only, or not permitted)."""
        try:
            return question(path)
        except OSError as error:
            if is_gone(error):
                return False
            self._tell(error)
            return refused

    def _tell(self, error: OSError) -> None:
        """Say once what the kernel refuses: it will refuse the same for every container."""
        if error.errno not in self._told:
            self._told.add(error.errno)
            log.warning("cgroup.not_killed", error=str(error))

    def _paths(self, container_id: str, cgroup: str | None) -> list[str] | None:
        """The known directory, else every one of the container's name; None: unknown."""
        if cgroup is not None:
            return [cgroup]
        try:
            return list(self._search(container_id))
        except OSError as error:
            self._tell(error)
            return None

    def _search(self, container_id: str) -> Iterator[str]:
        for top in below(self._mount, self._roots):
            for path in walk(top):
                named = recognise(path)
                if named is not None and named[0] == container_id:
                    yield path
