"""The decision table, row by row, with the sentences that a person reads."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.image.digest import Digest, chain_ids
from registrar.evaluation.approval_policy import (
    ApprovalDemands,
    ApprovalPolicy,
    ConfigurationDemands,
    LicenceDemands,
    MaintenanceDemands,
    ScannerDemands,
    VulnerabilityDemands,
)
from registrar.evaluation.check_values import CheckState, Lift
from registrar.evaluation.severity_limit import SeverityLimit
from registrar.evidence.evidence_values import (
    Database,
    ImageEvidence,
    LicenceClaim,
    OperatingSystem,
    Package,
    Problem,
    ProblemKind,
    ScanState,
    Severity,
)
from tests.evaluation.evaluation_world import (
    BASE,
    FACTS,
    GRYPE,
    OPENSSL,
    TRIVY,
    evaluated,
    flaw,
    image,
    scan,
    state_of,
)
from tests.evidence.evidence_strategies import NOW

BLOCK = ApprovalPolicy(
    vulnerabilities=VulnerabilityDemands(
        {Severity.CRITICAL: SeverityLimit(), Severity.HIGH: SeverityLimit(30, only_fixable=True)}
    )
)
TWO = ApprovalPolicy(ScannerDemands(independent_engines=2, review_disagreement=True))
GPL = Package("pypi", "readline", "8", "readline")
OLD = NOW - timedelta(days=40)


def test_a_clean_image_passes() -> None:
    result = evaluated(image(scan(TRIVY), scan(GRYPE)), TWO)
    assert result.state is CheckState.PASS
    assert result.deciding == ""


@pytest.mark.parametrize(
    ("evidence", "state", "sentence"),
    [
        (image(), CheckState.INCONCLUSIVE, "was scanned by 0 independent engines (none)"),
        (image(scan(TRIVY)), CheckState.INCONCLUSIVE, "by 1 independent engine (trivy)"),
        (
            image(scan(TRIVY), scan(replace(TRIVY, name="harbor"))),
            CheckState.INCONCLUSIVE,
            "by 1 independent engine (trivy)",
        ),
        (
            image(scan(TRIVY), replace(scan(GRYPE), state=ScanState.ERROR)),
            CheckState.ERROR,
            "by 1 independent engine (trivy)",
        ),
        (
            image(scan(TRIVY), replace(scan(GRYPE), packages_seen=0)),
            CheckState.INCONCLUSIVE,
            "by 1 independent engine (trivy)",
        ),
        (
            image(scan(TRIVY), replace(scan(GRYPE), subject=Digest.of(b"another"))),
            CheckState.INCONCLUSIVE,
            "by 1 independent engine (trivy)",
        ),
    ],
)
def test_missing_is_never_clean(evidence: ImageEvidence, state: CheckState, sentence: str) -> None:
    result = evaluated(evidence, TWO)
    assert state_of(result, "scanners") is state
    assert result.state is CheckState.INCONCLUSIVE
    assert sentence in result.deciding


def test_an_old_database_does_not_count() -> None:
    policy = ApprovalPolicy(ScannerDemands(database_max_age_days=2))
    old = replace(scan(TRIVY), databases=(Database("trivy-db", OLD),))
    result = evaluated(image(old), policy)
    assert result.state is CheckState.INCONCLUSIVE
    why = next(check for check in result.checks if check.name == "scanners").reasons[1]
    assert why == "The database trivy-db of trivy was 40 days old; the policy permits 2."
    fresh = replace(old, databases=(Database("trivy-db", NOW),))
    assert evaluated(image(fresh), policy).state is CheckState.PASS


@pytest.mark.parametrize(
    ("flaws", "state"),
    [
        ([flaw("CVE-2027-1", Severity.CRITICAL)], CheckState.FAIL),
        ([flaw("CVE-2027-1", Severity.LOW)], CheckState.PASS),
        ([replace(flaw("CVE-2027-1"), published_at=OLD)], CheckState.PASS),
        ([replace(flaw("CVE-2027-1"), published_at=OLD, fixed_in="2")], CheckState.FAIL),
        ([replace(flaw("CVE-2027-1"), published_at=NOW, fixed_in="2")], CheckState.PASS),
        ([replace(flaw("GHSA-1"), fixed_in="2")], CheckState.FAIL),  # nobody knows since when
        ([replace(flaw("CVE-2027-1", Severity.LOW), exploited=True)], CheckState.FAIL),
    ],
)
def test_severity_age_fix_and_exploitation(flaws: list[object], state: CheckState) -> None:
    result = evaluated(image(scan(TRIVY, *flaws)), BLOCK)  # type: ignore[arg-type]  # flaws
    assert result.state is state


def test_one_scanner_is_enough_to_block() -> None:
    """Never a majority: two that miss it do not outvote the one that found it."""
    third = replace(GRYPE, name="debsecan", engine="debsecan")
    critical = flaw("CVE-2027-1", Severity.CRITICAL)
    result = evaluated(image(scan(TRIVY, critical), scan(GRYPE), scan(third)), BLOCK)
    assert result.state is CheckState.FAIL
    assert result.deciding == (
        "CVE-2027-1 in openssl 3.0.1 (linux/amd64) is critical, known for 141 days and not"
        " mended yet."
    )


def test_aliases_are_one_finding_with_the_worst_severity() -> None:
    ghsa = replace(flaw("GHSA-1", Severity.LOW), aliases=frozenset({"CVE-2027-1"}))
    binary = replace(OPENSSL, name="openssl")
    cve = replace(flaw("CVE-2027-1", Severity.HIGH), package=binary)
    (finding,) = evaluated(image(scan(TRIVY, ghsa), scan(GRYPE, cve)), BLOCK).findings
    assert (finding.id, finding.package, finding.severity) == (
        "CVE-2027-1",
        "openssl",
        Severity.HIGH,
    )
    assert finding.found_by == ("grype", "trivy")
    assert finding.missed_by == ()


def test_severities_of_sources_that_were_not_chosen_are_unknown() -> None:
    said = replace(flaw("CVE-2027-1", Severity.CRITICAL), severity_source="vendor")
    chosen = replace(BLOCK.vulnerabilities, severity_sources=frozenset({"nvd"}))
    (finding,) = evaluated(
        image(scan(TRIVY, said)), replace(BLOCK, vulnerabilities=chosen)
    ).findings
    assert finding.severity is Severity.UNKNOWN


def test_disagreement_is_shown_and_reviewed() -> None:
    evidence = image(scan(TRIVY, flaw("CVE-2027-1")), scan(GRYPE))
    result = evaluated(evidence, TWO)
    assert result.state is CheckState.REVIEW
    assert result.deciding == (
        "CVE-2027-1 in openssl 3.0.1: trivy found it, grype did not (linux/amd64)."
    )
    calm = replace(TWO, scanners=replace(TWO.scanners, review_disagreement=False))
    shown = evaluated(evidence, calm)
    assert shown.state is CheckState.PASS
    assert shown.findings[0].missed_by == ("grype",)
    unable = replace(scan(GRYPE), ecosystems=frozenset({"npm"}))
    assert evaluated(image(scan(TRIVY, flaw("CVE-2027-1")), unable), TWO).state is CheckState.PASS


def test_a_lift_keeps_the_finding_and_ends() -> None:
    waiver = Lift("CVE-2027-1", "cid", "not reachable", "openssl", NOW + timedelta(days=1))
    evidence = image(scan(TRIVY, flaw("CVE-2027-1", Severity.CRITICAL)))
    result = evaluated(evidence, BLOCK, waiver)
    assert result.state is CheckState.PASS
    assert result.lifted[0].lifted == waiver
    assert evaluated(evidence, BLOCK, replace(waiver, until=NOW)).state is CheckState.FAIL
    assert evaluated(evidence, BLOCK, replace(waiver, package="zlib")).state is CheckState.FAIL


@pytest.mark.parametrize(
    ("demands", "claim", "state"),
    [
        (LicenceDemands(allow=frozenset({"MIT"})), LicenceClaim("MIT", GPL), CheckState.PASS),
        (
            LicenceDemands(deny=frozenset({"GPL-2.0-only"})),
            LicenceClaim("GPL-2.0", GPL),
            CheckState.FAIL,
        ),
        (
            LicenceDemands(deny=frozenset({"GPL-2.0-only"})),
            LicenceClaim("MIT OR GPL-2.0-only", GPL),
            CheckState.PASS,
        ),
        (
            LicenceDemands(deny=frozenset({"GPL-2.0-only"})),
            LicenceClaim("MIT AND GPL-2.0-only", GPL),
            CheckState.FAIL,
        ),
        (
            LicenceDemands(deny=frozenset({"GPL-2.0-only"})),
            LicenceClaim("GPL-2.0-only", OPENSSL),
            CheckState.PASS,
        ),
        (
            LicenceDemands(deny=frozenset({"MIT"})),
            LicenceClaim("see file (", GPL),
            CheckState.INCONCLUSIVE,
        ),
        (
            LicenceDemands(commercial=frozenset({"LicenseRef-acme"})),
            LicenceClaim("LicenseRef-acme", OPENSSL),
            CheckState.REVIEW,
        ),
        (LicenceDemands(allow=frozenset({"MIT"})), None, CheckState.INCONCLUSIVE),
    ],
)
def test_licences(demands: LicenceDemands, claim: LicenceClaim | None, state: CheckState) -> None:
    licences = (claim,) if claim else ()
    evidence = image(replace(scan(TRIVY), licences=licences))
    assert evaluated(evidence, ApprovalPolicy(licences=demands)).state is state


SYSTEM = MaintenanceDemands(supported_system=True)
BASES = MaintenanceDemands(allow_bases=frozenset(chain_ids([BASE])))


@pytest.mark.parametrize(
    ("demands", "facts", "state"),
    [
        (SYSTEM, FACTS, CheckState.PASS),
        (SYSTEM, replace(FACTS, system=OperatingSystem("debian", "9")), CheckState.FAIL),
        (SYSTEM, replace(FACTS, system=OperatingSystem("alpine", "3.18.4")), CheckState.FAIL),
        (SYSTEM, replace(FACTS, system=OperatingSystem("gnarl", "1")), CheckState.INCONCLUSIVE),
        (SYSTEM, replace(FACTS, system=None), CheckState.INCONCLUSIVE),
        (MaintenanceDemands(image_max_age_days=30), FACTS, CheckState.PASS),
        (
            MaintenanceDemands(image_max_age_days=30),
            replace(FACTS, created_at=OLD),
            CheckState.FAIL,
        ),
        (
            MaintenanceDemands(image_max_age_days=30),
            replace(FACTS, created_at=None),
            CheckState.INCONCLUSIVE,
        ),
        (MaintenanceDemands(upstream_max_age_days=30), FACTS, CheckState.INCONCLUSIVE),
        (BASES, FACTS, CheckState.PASS),
        (BASES, replace(FACTS, diff_ids=(Digest.of(b"x"),)), CheckState.FAIL),
        (BASES, replace(FACTS, diff_ids=()), CheckState.INCONCLUSIVE),
        (
            MaintenanceDemands(allow_repositories=frozenset({"docker.io/**"})),
            FACTS,
            CheckState.PASS,
        ),
        (
            MaintenanceDemands(allow_repositories=frozenset({"ghcr.io/**"})),
            FACTS,
            CheckState.FAIL,
        ),
        (
            MaintenanceDemands(deny_repositories=frozenset({"*/library/*"})),
            FACTS,
            CheckState.FAIL,
        ),
    ],
)
def test_maintenance(demands: MaintenanceDemands, facts: object, state: CheckState) -> None:
    evidence = image(scan(TRIVY), facts=facts)  # type: ignore[arg-type]  # ImageFacts
    assert evaluated(evidence, ApprovalPolicy(maintenance=demands)).state is state


@pytest.mark.parametrize(
    ("demands", "evidence"),
    [
        (
            ConfigurationDemands(forbid_root=True),
            image(scan(TRIVY), facts=replace(FACTS, user="0:0")),
        ),
        (
            ConfigurationDemands(forbid_secrets=True),
            image(replace(scan(TRIVY), problems=(Problem(ProblemKind.SECRET, "key", "/k"),))),
        ),
        (
            ConfigurationDemands(allow_setuid=frozenset({"/bin/su"})),
            image(scan(TRIVY), facts=replace(FACTS, setuid=("/bin/su", "/bin/evil"))),
        ),
    ],
)
def test_configuration(demands: ConfigurationDemands, evidence: ImageEvidence) -> None:
    policy = ApprovalPolicy(configuration=demands)
    assert state_of(evaluated(evidence, policy), "configuration") is CheckState.FAIL
    assert evaluated(evidence, ApprovalPolicy()).state is CheckState.PASS


def test_malware_blocks_whatever_the_policy() -> None:
    """Also from a scan that did not come to an end."""
    found = (Problem(ProblemKind.MALWARE, "Eicar", "/bin/x"),)
    clam = replace(scan(GRYPE), state=ScanState.ERROR, problems=found)
    result = evaluated(image(scan(TRIVY), clam), ApprovalPolicy())
    assert result.state is CheckState.FAIL
    assert result.deciding == "Malware: Eicar in /bin/x."


def test_a_demanded_signature() -> None:
    policy = ApprovalPolicy(approval=ApprovalDemands(signed_by=frozenset({"upstream"})))
    evidence = image(scan(TRIVY))
    result = evaluated(evidence, policy)
    assert result.deciding == "It is signed by nobody, not by upstream."
    signed = replace(evidence, signed_by=frozenset({"upstream"}))
    assert evaluated(signed, policy).state is CheckState.PASS
