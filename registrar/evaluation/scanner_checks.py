"""Who has to have scanned, and whether they agree; one scanner twice is one, and so are two
scanners of the same engine."""

from collections.abc import Sequence
from datetime import timedelta

from core.image.digest import Digest
from registrar.evaluation.approval_policy import ScannerDemands
from registrar.evaluation.check_values import Check, CheckState, UnitedFinding, check
from registrar.evidence.evidence_values import (
    ImageEvidence,
    PlatformEvidence,
    ScanResult,
    ScanState,
)


def scanner_check(evidence: ImageEvidence, demands: ScannerDemands) -> Check:
    """Every platform has its required scanners and enough independent engines. ERROR where a
    scanner that is missed did not come to an end, else INCONCLUSIVE."""
    reasons = [] if evidence.platforms else ["No platform of the image was looked at."]
    failed = False
    for platform in evidence.platforms:
        missing = _missing(platform, demands)
        failed |= bool(missing) and any(s.state is ScanState.ERROR for s in platform.scans)
        reasons += missing
        if missing:
            reasons += _why(platform, demands)
    return check("scanners", reasons, CheckState.ERROR if failed else CheckState.INCONCLUSIVE)


def agreement_check(findings: Sequence[UnitedFinding], demands: ScannerDemands) -> Check:
    """REVIEW where one engine finds what another does not, if the policy asks for it."""
    reasons = [
        f"{f.id} in {f.package} {f.version}: {', '.join(f.found_by)} found it, "
        f"{', '.join(f.missed_by)} did not ({f.platform})."
        for f in findings
        if f.missed_by and not f.lifted
    ]
    if not demands.review_disagreement:
        return Check("agreement", CheckState.PASS, tuple(dict.fromkeys(reasons)))
    return check("agreement", reasons, CheckState.REVIEW)


def worthless(scan: ScanResult, manifest: Digest, max_age_days: int | None) -> str:
    """Why the scan counts as none; empty where it counts."""
    name = scan.scanner.name
    if scan.state is ScanState.ERROR:
        return f"{name} did not come to an end{_said(scan)}."
    if scan.state is ScanState.INCONCLUSIVE:
        return f"{name} may have seen nothing{_said(scan)}."
    if scan.subject != manifest:
        return f"{name} scanned {scan.subject.short}, which is another image."
    return _outdated(scan, max_age_days)


def independent(platform: PlatformEvidence, max_age_days: int | None) -> set[str]:
    """The engines whose scan counts and that saw packages."""
    manifest = platform.facts.manifest
    return {
        scan.scanner.engine
        for scan in platform.scans
        if scan.packages_seen > 0 and not worthless(scan, manifest, max_age_days)
    }


def _missing(platform: PlatformEvidence, demands: ScannerDemands) -> list[str]:
    facts, days = platform.facts, demands.database_max_age_days
    counted = {s.scanner.name for s in platform.scans if not worthless(s, facts.manifest, days)}
    reasons = [
        f"{facts.platform} has no conclusive scan by {name}, which the policy requires."
        for name in sorted(demands.required - counted)
    ]
    engines = independent(platform, days)
    if len(engines) < demands.independent_engines:
        reasons.append(
            f"{facts.platform} was scanned by {len(engines)} independent "
            f"engine{'s' * (len(engines) != 1)} ({', '.join(sorted(engines)) or 'none'}); "
            f"the policy wants {demands.independent_engines}."
        )
    return reasons


def _why(platform: PlatformEvidence, demands: ScannerDemands) -> list[str]:
    days, manifest = demands.database_max_age_days, platform.facts.manifest
    return [why for scan in platform.scans if (why := worthless(scan, manifest, days))]


def _outdated(scan: ScanResult, max_age_days: int | None) -> str:
    if max_age_days is None:
        return ""
    name = scan.scanner.name
    if not scan.databases:
        return f"{name} does not say how old its database is."
    for database in scan.databases:
        if database.built_at is None:
            return f"{name} does not say how old its database {database.name} is."
        age = scan.started_at - database.built_at
        if age > timedelta(days=max_age_days):
            return (
                f"The database {database.name} of {name} was {age.days} days old; "
                f"the policy permits {max_age_days}."
            )
    return ""


def _said(scan: ScanResult) -> str:
    return f": {'; '.join(scan.reasons)}" if scan.reasons else ""
