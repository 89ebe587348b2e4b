"""Keeps findings as JSON lines on this host and reads them back; knows records, not meaning."""

import contextlib
import json
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.errors import SinkFailed
from agent.files.line_log import LineLog, open_files
from core.findings.finding import Finding, Kind, Severity
from core.findings.finding_record import as_record

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAMAGED = "findings.damaged"  # the event in place of a line that cannot be read


class JsonlFindings:
    """`ports.FindingSink`: one JSON object a line, rotated by size (`agent.files.line_log`).

    A call is one write and one fdatasync. When it fails, nothing of it stays in the file, so the
    same findings can be given again. One process at a time may hold the file. Thread-safe.
    """

    def __init__(self, path: str | Path, *, max_bytes: int, keep: int) -> None:
        """Open or make the file and its directory. Raises `SinkFailed`.

        It is rotated before it grows above `max_bytes`; `keep` rotated files stay, at least one.
        """
        self._path = Path(path)
        self._lock = threading.Lock()
        with self._failing():
            self._log = LineLog(path, max_bytes=max_bytes, keep=keep)

    @property
    def torn_bytes(self) -> int:
        """The length of what a crash left of an unfinished call, moved to `<path>.torn`."""
        return self._log.torn_bytes

    def record(self, findings: Sequence[Finding]) -> None:
        """Keep these, in order; durable on return. Raises `SinkFailed`."""
        lines = b"".join(_line(finding) for finding in findings)
        if lines:
            with self._lock, self._failing():
                self._log.append(lines)

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._log.close()

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except BlockingIOError as error:
            raise SinkFailed(
                f"{self._path} is held by another process",
                hint="is a second dockwarden running? stop it, or give it its own directory",
            ) from error
        except OSError as error:
            raise SinkFailed(
                f"findings could not be kept in {self._path}: {error.strerror}",
                hint=f"free space on, or repair, the file system of {self._path.parent}",
            ) from error


def read(path: str | Path, *, since: datetime | None = None) -> Iterator[dict[str, Any]]:
    """Every record not older than `since` (aware), oldest file first, also while it is written.

    A damaged line is not skipped: a record of the event `findings.damaged` takes its place
    and names file and line. A last line without its end is still being written and is left out.
    Raises `OSError` for files that cannot be read; no file at all yields nothing.
    """
    with contextlib.ExitStack() as stack:
        last = _EPOCH
        for file in [stack.enter_context(file) for file in open_files(Path(path))]:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    break
                record, at = _parse(line)
                if record is None:
                    yield _damaged(file.name, number, line, last)
                    continue
                last = at
                if since is None or at >= since:
                    yield record


def _line(finding: Finding) -> bytes:
    # ASCII only: no control, format or line-separator character reaches a terminal raw.
    text = json.dumps(as_record(finding), allow_nan=False, separators=(",", ":"))
    return text.encode("ascii") + b"\n"


def _parse(line: bytes) -> tuple[dict[str, Any] | None, datetime]:
    try:
        record = json.loads(line)
        return record, datetime.fromisoformat(record["at"]).astimezone(UTC)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None, _EPOCH


def _damaged(file: str, number: int, line: bytes, at: datetime) -> dict[str, Any]:
    return as_record(
        Finding(
            id="",
            at=at,
            kind=Kind.ALARM,
            severity=Severity.ERROR,
            event=DAMAGED,
            summary=f"Line {number} of {file} is damaged and cannot be read.",
            next_step="Check the disk and who may write to this file; all other lines are read.",
            details={"file": file, "line": str(number), "excerpt": repr(line[:200])},
        )
    )
