"""Makes findings about dockwarden itself, and the frame of all others; decides nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from agent.ports import Clock
from core.decision.decision import Decision
from core.decision.verdict import Mode
from core.findings.finding import Finding, Kind, Outcome, Severity
from core.image.identity import Container


class HostSettings(Protocol):
    """What every finding says of the host; `mode` may change while the agent runs."""

    @property
    def host(self) -> str:
        """The host's name."""

    @property
    def mode(self) -> Mode:
        """The configured mode."""


@dataclass(slots=True)
class FindingFactory:
    """Makes findings with this host's name and mode.

    `sequence` is the allowlist's, set when one is adopted.
    """

    settings: HostSettings
    clock: Clock
    new_id: Callable[[], str]
    sequence: int | None = None

    def notice(
        self, event: str, summary: str, *, kind: Kind = Kind.NOTICE, **details: str
    ) -> Finding:
        """About dockwarden itself."""
        severity = Severity.ERROR if kind is Kind.ALARM else Severity.INFO
        return self.finding(event, summary, kind=kind, severity=severity, details=details)

    def finding(
        self,
        event: str,
        summary: str,
        *,
        kind: Kind,
        severity: Severity,
        finding_id: str = "",
        container: Container | None = None,
        decision: Decision | None = None,
        outcome: Outcome | None = None,
        violation_id: str = "",
        occurrence: int = 1,
        evidence: str = "",
        details: Mapping[str, str] | None = None,
    ) -> Finding:
        """A finding with this host's name, mode, time and list; what is not given stays empty."""
        return Finding(
            id=finding_id or self.new_id(),
            at=self.clock.now(),
            kind=kind,
            severity=severity,
            event=event,
            summary=summary,
            host=self.settings.host,
            mode=self.settings.mode,
            container=container,
            decision=decision,
            outcome=outcome,
            violation_id=violation_id,
            occurrence=occurrence,
            evidence=evidence,
            list_sequence=self.sequence,
            details=details or {},
        )
