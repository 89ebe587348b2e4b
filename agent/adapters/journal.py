"""Writes findings to the systemd journal with fields, for `journalctl` and log shippers.

Knows the journal's form of a finding, not what findings mean.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import TextIO

from agent.errors import SinkFailed
from agent.journald import SOCKET, Journal
from core.findings.finding import Finding, Severity
from core.findings.finding_record import timestamp
from core.text import printable, shortened

_PRIORITY = {
    Severity.CRITICAL: 2,
    Severity.ERROR: 3,
    Severity.WARNING: 4,
    Severity.INFO: 6,
}
_LONGEST_MESSAGE = 4096  # characters


class JournalFindings:
    """`ports.FindingSink` on systemd-journald, or on `fallback` where no journal listens.

    A restart loop shows its occurrences 1, 2, 4, 8, …: the journal is read by people, the whole
    count is in the findings file. For one thread at a time.
    """

    def __init__(self, socket_path: str = SOCKET, fallback: TextIO | None = None) -> None:
        """`fallback` is standard error unless given."""
        self._journal = Journal(socket_path)
        self._fallback = fallback
        self._written: set[str] = set()  # ids of a failed call, not to be written twice

    def record(self, findings: Sequence[Finding]) -> None:
        """Write these, in order. Raises `SinkFailed` when journald takes nothing in time."""
        for finding in findings:
            if finding.id in self._written or not _is_due(finding.occurrence):
                continue
            try:
                self._journal.send(dict(fields(finding)))
            except (FileNotFoundError, ConnectionRefusedError):
                self._write_line(finding)
            except OSError as error:
                raise SinkFailed(
                    f"the journal did not accept a finding: {error}",
                    hint="see: systemctl status systemd-journald",
                ) from error
            self._written.add(finding.id)
        self._written.clear()

    def close(self) -> None:
        """Give the socket back."""
        self._journal.close()

    def _write_line(self, finding: Finding) -> None:
        stream = self._fallback or sys.stderr
        at = timestamp(finding.at)
        try:
            stream.write(f"{at} {finding.severity.upper()} {finding.event}: {message(finding)}\n")
            stream.flush()
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            raise SinkFailed(
                f"neither the journal nor standard error accepts findings: {error}",
                hint="the findings file keeps them; start the agent under systemd",
            ) from error


def message(finding: Finding) -> str:
    """One line for people: what happened, how often, and the next step."""
    count = f" (occurrence {finding.occurrence})" if finding.occurrence > 1 else ""
    sentence = f"{finding.summary}{count} {finding.next_step}".strip()
    return printable(shortened(sentence, _LONGEST_MESSAGE))


def fields(finding: Finding) -> Iterator[tuple[str, str]]:
    """The journal's fields; those that have nothing to say are left out.

    `CONTAINER_ID` (12 digits) and `CONTAINER_NAME` are the names Docker's own journald driver
    uses. Its `CONTAINER_ID_FULL` is avoided: `docker logs` would take the entry for the
    container's output.
    """
    yield "MESSAGE", message(finding)
    yield "PRIORITY", str(_PRIORITY[finding.severity])
    yield "SYSLOG_IDENTIFIER", "dockwarden"
    for name, value in (*_of_finding(finding), *_of_container(finding), *_of_verdict(finding)):
        if value not in (None, ""):
            yield name, printable(str(value))


def _of_finding(finding: Finding) -> Iterator[tuple[str, object]]:
    yield "DOCKWARDEN_EVENT", finding.event
    yield "DOCKWARDEN_KIND", finding.kind
    yield "DOCKWARDEN_MODE", finding.mode
    yield "DOCKWARDEN_FINDING_ID", finding.id
    yield "DOCKWARDEN_VIOLATION_ID", finding.violation_id
    yield "DOCKWARDEN_COUNT", finding.occurrence
    yield "DOCKWARDEN_EVIDENCE", finding.evidence
    yield "DOCKWARDEN_LIST_SEQUENCE", finding.list_sequence


def _of_container(finding: Finding) -> Iterator[tuple[str, object]]:
    if (container := finding.container) is not None:
        yield "CONTAINER_ID", container.id[:12]
        yield "CONTAINER_NAME", container.name
        yield "DOCKWARDEN_CONTAINER", container.id
        yield "DOCKWARDEN_CLAIMED_REFERENCE", container.claimed_reference
        yield "DOCKWARDEN_IMAGE", container.image and container.image.image_id


def _of_verdict(finding: Finding) -> Iterator[tuple[str, object]]:
    if (decision := finding.decision) is not None:
        yield "DOCKWARDEN_VERDICT", decision.verdict
        yield "DOCKWARDEN_SCOPE", decision.scope
    if (outcome := finding.outcome) is not None:
        yield "DOCKWARDEN_ACTION", outcome.action
        yield "DOCKWARDEN_ENFORCEMENT_POINT", outcome.enforcement_point
        yield "DOCKWARDEN_RAN_MS", outcome.ran_ms
        yield "DOCKWARDEN_TOOK_MS", outcome.took_ms
        yield "DOCKWARDEN_ERROR", outcome.error


def _is_due(occurrence: int) -> bool:
    return occurrence & (occurrence - 1) == 0
