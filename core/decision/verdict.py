"""Verdicts, actions and the table between them; policy is data here."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What an image is worth on this host."""

    APPROVED = "approved"
    WAIVED = "waived"
    DERIVED = "derived"
    DENIED = "denied"
    REVOKED = "revoked"
    EXPIRED = "expired"
    UNLISTED = "unlisted"
    UNDETERMINED = "undetermined"

    @property
    def is_forbidden(self) -> bool:
        """Denied or revoked by name: no circuit breaker and no exemption applies to these."""
        return self in (Verdict.DENIED, Verdict.REVOKED)


class Mode(StrEnum):
    """Whether the agent may touch anything."""

    OBSERVE = "observe"
    ENFORCE = "enforce"


class Action(StrEnum):
    """What is done about a container, mildest first."""

    ALLOW = "allow"
    REPORT = "report"
    PAUSE = "pause"
    STOP = "stop"
    KILL = "kill"

    @property
    def touches(self) -> bool:
        """Whether the container is acted upon."""
        return self in (Action.PAUSE, Action.STOP, Action.KILL)


class EnforcementPoint(StrEnum):
    """Which net caught a container, earliest first."""

    CREATE = "create"  # at its create event, before a process exists
    GATE = "gate"  # its cgroup was frozen as it appeared
    START = "start"  # at its start event
    RESCAN = "rescan"  # evaluated again while running: agent start, gap, new list, period
    BUILD = "build"  # a BuildKit step at the gate


DEFAULT_ENFORCE: Mapping[Verdict, Action] = {
    Verdict.APPROVED: Action.ALLOW,
    Verdict.WAIVED: Action.REPORT,
    Verdict.DERIVED: Action.REPORT,
    Verdict.DENIED: Action.KILL,
    Verdict.REVOKED: Action.KILL,
    Verdict.EXPIRED: Action.REPORT,
    Verdict.UNLISTED: Action.KILL,
    Verdict.UNDETERMINED: Action.REPORT,
}


@dataclass(frozen=True, slots=True)
class ActionTable:
    """`table.action(mode, verdict)`; only the enforce row is configurable."""

    enforce: Mapping[Verdict, Action]

    def action(self, mode: Mode, verdict: Verdict) -> Action:
        """In observe mode nothing is touched: every other action becomes a report."""
        chosen = self.enforce.get(verdict, DEFAULT_ENFORCE[verdict])
        if mode is Mode.OBSERVE and chosen.touches:
            return Action.REPORT
        return chosen
