"""Which cgroup is a container's, by its name and the engine's own files; touches no cgroup."""

from __future__ import annotations

import os

_HEX = "0123456789abcdef"
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
_SCOPE, _SUFFIX = "docker-", ".scope"  # moby daemon/oci_linux.go: scopePrefix of the systemd driver


def recognise(path: str) -> tuple[str, bool] | None:
    """The container ID in a cgroup's path and whether it is a build step's; None for others.

    A container: `<64 hex>` (cgroupfs driver) or `docker-<64 hex>.scope` (systemd driver). A
    BuildKit step: `buildkit/<25 base 36>` or `docker-<25 base 36>.scope`; source: buildkit
    executor/oci/spec.go and identity/randomid.go, moby cmd/dockerd newCgroupParent.
    """
    parent, _, name = path.rpartition("/")
    scoped = name.startswith(_SCOPE) and name.endswith(_SUFFIX)
    bare = name[len(_SCOPE) : -len(_SUFFIX)] if scoped else name
    if len(bare) == 64 and not bare.strip(_HEX):
        return bare, False
    if len(bare) == 25 and not bare.strip(_BASE36) and (scoped or parent.endswith("/buildkit")):
        return bare, True
    return None


class EngineFiles:
    """What the engine keeps of its containers on disk, below its root (`docker info`: Root Dir).

    With an empty root every well-named cgroup counts as this engine's.
    """

    def __init__(self, root: str) -> None:
        self.root = root

    def knows(self, container_id: str) -> bool:
        """Whether this engine made the container (some microseconds)."""
        if not self.root:
            return True
        try:
            os.stat(f"{self.root}/containers/{container_id}")  # noqa: PTH116 - no pathlib here
        except OSError:
            return False
        return True

    def says_paused(self, container_id: str) -> bool:
        """Whether the engine wrote down that people paused it: then the freeze is not ours.

        The bytes cannot stem from what users typed: quotes within JSON strings are escaped, and
        the maps of a container's configuration have strings or objects as values.
        """
        try:
            with open(f"{self.root}/containers/{container_id}/config.v2.json", "rb") as file:
                return b'"Paused":true' in file.read()
        except OSError:
            return False

    def may_be_paused(self, container_id: str) -> bool:
        """As `says_paused`, but yes where the engine's files are not known."""
        return not self.root or self.says_paused(container_id)
