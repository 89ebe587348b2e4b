"""The result of an evaluation as values: checks with their reasons, findings, what was lifted."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.image.digest import Digest
from registrar.evidence.evidence_values import Severity


class CheckState(StrEnum):
    """INCONCLUSIVE: what was demanded is not known; REVIEW: a person has to decide."""

    PASS = "PASS"
    REVIEW = "REVIEW"
    INCONCLUSIVE = "INCONCLUSIVE"
    ERROR = "ERROR"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Check:
    """One check; `reasons` are sentences, those that decided first."""

    name: str
    state: CheckState
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lift:
    """Somebody's word that a vulnerability does not block: a waiver, or a VEX statement (`kind`).
    `package` is a source package, empty: any. A waiver always has an end."""

    vulnerability: str
    by: str
    reason: str
    package: str = ""
    until: datetime | None = None
    kind: str = "waiver"


@dataclass(frozen=True, slots=True)
class UnitedFinding:
    """One vulnerability of one source package, as all scanners together report it. `missed_by` are
    conclusive scanners of other engines that know such packages and did not report it."""

    id: str
    package: str
    version: str
    ecosystem: str
    severity: Severity
    platform: str
    found_by: tuple[str, ...]
    missed_by: tuple[str, ...] = ()
    fixed_in: str = ""
    lifted: Lift | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a policy says about an image at an instant. Findings that were lifted stay listed."""

    image: Digest
    repository: str
    at: datetime
    checks: tuple[Check, ...]
    findings: tuple[UnitedFinding, ...]

    @property
    def state(self) -> CheckState:
        """Any FAIL is FAIL; else any ERROR or INCONCLUSIVE is INCONCLUSIVE; else REVIEW or PASS."""
        states = {check.state for check in self.checks}
        if CheckState.FAIL in states:
            return CheckState.FAIL
        if states & {CheckState.ERROR, CheckState.INCONCLUSIVE}:
            return CheckState.INCONCLUSIVE
        return CheckState.REVIEW if CheckState.REVIEW in states else CheckState.PASS

    @property
    def deciding(self) -> str:
        """The sentence that decided; empty for PASS."""
        order = [CheckState.FAIL, CheckState.ERROR, CheckState.INCONCLUSIVE, CheckState.REVIEW]
        for state in order:
            for check in self.checks:
                if check.state is state and check.reasons:
                    return check.reasons[0]
        return ""

    @property
    def lifted(self) -> tuple[UnitedFinding, ...]:
        """What would count, had nobody lifted it."""
        return tuple(finding for finding in self.findings if finding.lifted)


def check(name: str, reasons: list[str], otherwise: CheckState = CheckState.FAIL) -> Check:
    """PASS without a reason, else `otherwise`; each reason once, in their order."""
    state = otherwise if reasons else CheckState.PASS
    return Check(name, state, tuple(dict.fromkeys(reasons)))
