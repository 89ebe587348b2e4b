"""What is recorded about a container, an image or dockwarden itself; values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.decision.decision import Decision
from core.decision.verdict import Action, EnforcementPoint, Mode
from core.image.identity import Container


class Kind(StrEnum):
    """What sort of finding it is."""

    VIOLATION = "violation"  # something not plainly approved ran or tried to
    ALARM = "alarm"  # dockwarden itself needs a person (circuit breaker, bad list, lost gate)
    NOTICE = "notice"  # worth knowing (list adopted, agent started, engine back)


class Severity(StrEnum):
    """How soon a person should look."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done and the outcome.

    `ran_ms` is for how many milliseconds user code ran: 0.0 where it never did, None where it
    cannot be known (still running, or gone before it was seen). `took_ms` is from the moment the
    agent learned of the container to the end of the action. `error` is empty on success.
    """

    action: Action
    enforcement_point: EnforcementPoint
    ran_ms: float | None = None
    took_ms: float | None = None
    error: str = ""
    breaker_open: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One record. `violation_id` is shared by all occurrences of one restart loop, which are
    numbered by `occurrence` from 1; `next_step` is what the refused person should do."""

    id: str
    at: datetime
    kind: Kind
    severity: Severity
    event: str  # constant, dotted, past tense: container.refused, list.rejected
    summary: str
    host: str = ""
    mode: Mode = Mode.OBSERVE
    container: Container | None = None
    decision: Decision | None = None
    outcome: Outcome | None = None
    violation_id: str = ""
    occurrence: int = 1
    next_step: str = ""
    evidence: str = ""  # path of the captured evidence on this host
    list_sequence: int | None = None
    details: Mapping[str, str] = field(default_factory=dict)
