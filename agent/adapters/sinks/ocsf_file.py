"""OCSF events as JSON lines in a file for log shippers; knows no network."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from agent.adapters.sinks.ocsf import as_ocsf
from agent.config.sinks_config import OcsfSink
from agent.errors import SinkFailed
from agent.files.line_log import LineLog
from core.findings.finding import Finding

KEEP_FILES = 5  # rotated ones


class OcsfFile:
    """`ports.Transport` into a file that is rotated by size; durable when `send` returns."""

    def __init__(self, path: str, *, max_bytes: int, keep: int) -> None:
        """The file is opened with the first batch: a missing disk must not stop the agent."""
        self._path, self._max_bytes, self._keep = path, max_bytes, keep
        self._log: LineLog | None = None

    def send(self, findings: Sequence[Finding]) -> int:
        """See `ports.Transport`; notices are left out."""
        events = [event for finding in findings if (event := as_ocsf(finding)) is not None]
        lines = (json.dumps(e, allow_nan=False, separators=(",", ":")) + "\n" for e in events)
        text = "".join(lines).encode("ascii")
        try:
            if self._log is None:
                self._log = LineLog(self._path, max_bytes=self._max_bytes, keep=self._keep)
            if text:
                self._log.append(text)
        except OSError as error:
            raise SinkFailed(
                f"OCSF events could not be kept in {self._path}: {error.strerror}",
                hint=f"free space on, or repair, the file system of {Path(self._path).parent}",
            ) from error
        return 0

    def close(self) -> None:
        """See `ports.Transport`."""
        if self._log is not None:
            self._log.close()
            self._log = None


def transport(table: OcsfSink, _now: Callable[[], datetime]) -> OcsfFile:
    """What `[sinks.ocsf]` describes."""
    return OcsfFile(table.file, max_bytes=table.max_megabytes * 1_000_000, keep=KEEP_FILES)
