"""What the engine keeps on disk, read without asking it: no lock, 0.3 ms, also while it hangs.

It only reads; only root can write these files.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from agent.adapters.docker_engine import engine_values
from agent.adapters.docker_engine.engine_values import digest_or_none
from agent.errors import EngineUnavailable
from core.image.digest import Digest
from core.image.identity import Container

_FULL_ID = re.compile(r"[0-9a-f]{64}")
_CONTENT = "io.containerd.content.v1.content/blobs"
_SYSTEM_CONTAINERD = Path("/var/lib/containerd")
_MAX_BLOB = 8 * 1024 * 1024


class EngineFiles:
    """The engine's root directory (`DockerRootDir`, /var/lib/docker by default)."""

    def __init__(self, root: str) -> None:
        self._containers = Path(root) / "containers"
        self._stores = (Path(root) / "containerd/daemon" / _CONTENT, _SYSTEM_CONTAINERD / _CONTENT)

    def container(self, container_id: str) -> Container | None:
        """What is on record of a container (full ID); None when there is no such.

        Raises `EngineUnavailable` when there are no records to be seen at all.
        """
        config = self.document(container_id, "config.v2.json")
        if config is None and not self._containers.is_dir():
            raise self._unreadable("no such directory from here")
        return engine_values.recorded(config) if config else None

    def containers(self) -> list[Container]:
        """All containers on record."""
        try:
            names = [entry.name for entry in self._containers.iterdir()]
        except OSError as error:
            raise self._unreadable(str(error.strerror)) from error
        return [container for name in names if (container := self.container(name))]

    def document(self, container_id: str, name: str) -> dict[str, Any] | None:
        """`config.v2.json` or `hostconfig.json` of a container (full ID), or None."""
        if not _FULL_ID.fullmatch(container_id):
            return None
        return _decoded(_bytes(self._containers / container_id / name))

    def diff_ids(self, manifest: Digest) -> Sequence[Digest]:
        """The layers of a manifest in containerd's content store; empty if not to be had.

        An index can hold two manifests for one platform, and the engine's inspect shows but one
        of them. So the manifest that runs is read here, and every step is checked by digest.
        """
        document = self._content(manifest) or {}
        if "manifests" in document or not isinstance(document.get("layers"), list):
            return ()  # an index, or anything else that no container runs from
        config = document.get("config")
        digest = digest_or_none(config.get("digest")) if isinstance(config, dict) else None
        image = self._content(digest) if digest else None
        rootfs = (image or {}).get("rootfs")
        if not isinstance(rootfs, dict):
            return ()
        return engine_values.diff_ids({"RootFS": {"Layers": rootfs.get("diff_ids")}})

    def _unreadable(self, why: str) -> EngineUnavailable:
        return EngineUnavailable(
            f"the engine does not answer and its files at {self._containers} cannot be read: {why}",
            hint="see: systemctl status docker",
        )

    def _content(self, digest: Digest) -> dict[str, Any] | None:
        for store in self._stores:
            content = _bytes(store / digest.algorithm / digest.hex)
            if content is not None and Digest.of(content) == digest:
                return _decoded(content)
        return None


def _bytes(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BLOB + 1)
    except OSError:
        return None  # not there, or removed meanwhile: the same to the caller
    return content if len(content) <= _MAX_BLOB else None


def _decoded(content: bytes | None) -> dict[str, Any] | None:
    try:
        document = msgspec.json.decode(content) if content else None
    except (msgspec.DecodeError, RecursionError):
        return None  # caught while being written: the engine replaces these files whole
    return document if isinstance(document, dict) else None
