"""Fake containers in real cgroups: what a runtime does, without an engine.

A container's process is started first and waits; then the cgroup is made and the process joins it
by writing its own ID and executes the user's program, which touches a file. So it gets there as
fast as any runtime could; `slow` leaves it the time that runc takes at least from joining to the
user's program (runc create ends, its shim answers, runc start begins).
"""

import contextlib
import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

from agent.helpers.gate.hierarchy import freezer, walk
from agent.helpers.gate.mounts import hierarchies
from tests.patience import PATIENCE, until

_JOIN = """
read go
echo $$ > "$1/cgroup.procs"
[ "$3" = 0 ] || sleep "$3"
exec /bin/sh -c 'echo >> "$0"; exec sleep 600' "$2"
"""
RUNC = 0.05  # s


def new_id() -> str:
    """A container ID."""
    return secrets.token_hex(32)


class FakeContainer:
    """One fake container."""

    def __init__(self, cgroup: Path, marker: Path, container_id: str, delay: float) -> None:
        self.cgroup, self.marker, self.id = cgroup, marker, container_id
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", _JOIN, "sh", str(cgroup), str(marker), str(delay)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def join(self) -> None:
        """The runtime puts its init in and lets it go."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"go\n")
        self.process.stdin.close()

    def appear(self) -> None:
        """As a runtime does: make the cgroup, put the process in."""
        self.cgroup.mkdir(parents=True)
        self.join()

    @property
    def ran(self) -> bool:
        """Whether the user's program ran."""
        return self.marker.exists()

    @property
    def dead(self) -> bool:
        """Whether its process ended."""
        return self.process.poll() is not None

    def remove(self) -> None:
        """As the runtime does after the end: remove the cgroup."""
        self.process.wait(PATIENCE)
        until(lambda: _rmdir(self.cgroup), f"{self.cgroup} removed")


class FakeContainers:
    """A place below one hierarchy's mount, with the files of an engine that made the containers."""

    def __init__(self, version: str, directory: Path) -> None:
        self.version = version
        self.freezer = freezer(version)
        self.mount = hierarchies(Path("/proc/self/mountinfo").read_text())[version]
        self.root = f"dwlab-gate-{os.getpid()}-{secrets.token_hex(4)}"
        self.base = Path(self.mount, self.root)
        self.engine_root = directory / "engine"
        self.engine_root.mkdir()
        self.base.mkdir()
        self._markers = directory
        self.containers: list[FakeContainer] = []

    def container(
        self,
        under: str = "",
        *,
        container_id: str = "",
        known: bool = True,
        slow: bool = False,
        wait_s: float = RUNC,
    ) -> FakeContainer:
        """A container that has not appeared yet."""
        container_id = container_id or new_id()
        name = container_id if self.version == "1" else f"docker-{container_id}.scope"
        if known:
            self.engine_knows(container_id)
        container = FakeContainer(
            self.base / under / name,
            self._markers / container_id,
            container_id,
            wait_s if slow else 0,
        )
        self.containers.append(container)
        return container

    def engine_knows(self, container_id: str, *, paused: bool = False) -> None:
        """Write what the engine writes."""
        folder = self.engine_root / "containers" / container_id
        folder.mkdir(parents=True, exist_ok=True)
        state = {"State": {"Running": True, "Paused": paused}}
        (folder / "config.v2.json").write_text(json.dumps(state, separators=(",", ":")))

    @property
    def settings(self) -> dict[str, object]:
        """What a gate has to know to look here, and nowhere else."""
        return {
            "roots": [self.root],
            "engine_root": str(self.engine_root),
            "cgroup_version": self.version,
            "mount": self.mount,
        }

    def frozen(self) -> list[str]:
        """Every cgroup here that is frozen."""
        return [path for path in self._all() if self._is_frozen(path)]

    def _is_frozen(self, path: str) -> bool:
        try:
            return path != str(self.base) and self.freezer.is_frozen(path)
        except OSError:
            return False

    def _all(self) -> list[str]:
        return walk(str(self.base))

    def close(self) -> None:
        """Leave nothing behind."""
        for path in self._all()[1:]:
            with contextlib.suppress(OSError):
                self.freezer.thaw(path)
        for container in self.containers:
            container.process.kill()
            if container.process.stdin is not None:
                container.process.stdin.close()
            container.process.wait()
        for path in reversed(self._all()):
            until(lambda path=path: _rmdir(Path(path)), f"{path} removed")  # type: ignore[misc]


def _rmdir(path: Path) -> bool:
    try:
        path.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


@contextlib.contextmanager
def containers(version: str, directory: Path) -> Iterator[FakeContainers]:
    """A place for fake containers, cleaned up afterwards."""
    place = FakeContainers(version, directory)
    try:
        yield place
    finally:
        place.close()
