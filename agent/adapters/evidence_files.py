"""Keeps evidence as JSON files, root's alone, within a limit; knows nothing of containers."""

import json
import re
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.errors import SinkFailed
from agent.log import get_logger
from core import durable
from core.text import plain

log = get_logger(__name__)

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")


class EvidenceFiles:
    """`ports.EvidenceStore`: `<directory>/<finding id>.json`, mode 0600, durable.

    Above `max_files` or `max_bytes` the oldest are removed; finding ids sort by time, so names
    show the age. Thread-safe.
    """

    def __init__(self, directory: str | Path, *, max_files: int, max_bytes: int) -> None:
        """Open or make the directory, mode 0700. Raises `OSError`."""
        self._directory = Path(directory)
        self._max_files, self._max_bytes = max_files, max_bytes
        self._lock = threading.Lock()
        durable.make_directory(self._directory.parent)
        durable.make_directory(self._directory, mode=0o700)
        durable.remove_leftovers(self._directory)
        files = sorted(self._directory.glob("*.json"))
        self._kept = deque((file, file.stat().st_size) for file in files)
        self._bytes = sum(size for _, size in self._kept)

    def keep(self, finding_id: str, evidence: Mapping[str, Any]) -> str:
        """Write it durably; returns its path. Raises `SinkFailed`."""
        if not _ID.fullmatch(finding_id):
            raise SinkFailed(
                f"{finding_id[:80]!r} cannot name an evidence file",
                hint="use a finding id: letters, digits and hyphens",
            )
        path = self._directory / f"{finding_id}.json"
        data = json.dumps(plain(evidence), indent=1).encode()
        try:
            durable.write_file(path, data, mode=0o600)
        except OSError as error:
            raise SinkFailed(
                f"evidence could not be written to {path}: {error.strerror}",
                hint=f"free space on, or repair, the file system of {self._directory}",
            ) from error
        with self._lock:
            self._count(path, len(data))
            self._prune()
        return str(path)

    def _count(self, path: Path, size: int) -> None:
        for entry in [entry for entry in self._kept if entry[0] == path]:
            self._kept.remove(entry)
            self._bytes -= entry[1]
        self._kept.append((path, size))
        self._bytes += size

    def _prune(self) -> None:
        """Remove the oldest, but never the one just written, even if it is too large alone."""
        while len(self._kept) > 1 and (
            len(self._kept) > self._max_files or self._bytes > self._max_bytes
        ):
            path, size = self._kept[0]
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                log.warning("evidence.not_removed", path=path, error=error)
                return
            self._kept.popleft()
            self._bytes -= size
