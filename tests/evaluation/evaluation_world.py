"""Policies and scanned images for tests of the evaluation."""

from dataclasses import replace

from hypothesis import strategies as st

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
from registrar.evaluation.check_values import CheckState, Evaluation, Lift
from registrar.evaluation.image_evaluation import evaluate
from registrar.evaluation.os_support import our_table
from registrar.evaluation.severity_limit import SeverityLimit
from registrar.evidence.evidence_values import (
    ImageEvidence,
    ImageFacts,
    OperatingSystem,
    Package,
    PlatformEvidence,
    Scanner,
    ScanResult,
    ScanState,
    Severity,
    Vulnerability,
)
from tests.evidence.evidence_strategies import NOW, evidences

OPENSSL = Package("deb", "libssl3", "3.0.1", "openssl")
MANIFEST = Digest.of(b"manifest")
BASE = Digest.of(b"base layer")
TRIVY, GRYPE = Scanner("trivy", "trivy"), Scanner("grype", "grype")
FACTS = ImageFacts(
    "linux/amd64",
    MANIFEST,
    created_at=NOW,
    system=OperatingSystem("debian", "12"),
    user="app",
    diff_ids=(BASE, Digest.of(b"our layer")),
)


def scan(scanner: Scanner, *found: Vulnerability) -> ScanResult:
    """A conclusive scan of the one platform."""
    return ScanResult(
        scanner, MANIFEST, ScanState.CONCLUSIVE, NOW, NOW, vulnerabilities=found, packages_seen=88
    )


def image(*scans: ScanResult, facts: ImageFacts = FACTS) -> ImageEvidence:
    """An image of one platform with these scans."""
    return ImageEvidence(
        "docker.io/library/nginx", Digest.of(b"index"), NOW, (PlatformEvidence(facts, scans),)
    )


def flaw(name: str, severity: Severity = Severity.HIGH) -> Vulnerability:
    """A vulnerability of openssl without a fix."""
    return Vulnerability(name, OPENSSL, severity)


def evaluated(evidence: ImageEvidence, policy: ApprovalPolicy, *lifts: Lift) -> Evaluation:
    """At a fixed instant, with our table of operating systems."""
    return evaluate(evidence, policy, lifts=lifts, support=our_table(), now=NOW)


def state_of(evaluation: Evaluation, name: str) -> CheckState:
    """The state of the check with that name."""
    return next(check.state for check in evaluation.checks if check.name == name)


def matching(evidence: ImageEvidence) -> ImageEvidence:
    """The same, every scan of the manifest beside it."""
    return replace(
        evidence,
        platforms=tuple(
            replace(p, scans=tuple(replace(s, subject=p.facts.manifest) for s in p.scans))
            for p in evidence.platforms
        ),
    )


def sets(*words: str) -> st.SearchStrategy[frozenset[str]]:
    """Some of the words."""
    return st.frozensets(st.sampled_from(words))


days = st.none() | st.integers(0, 2000)
scanned = evidences.map(matching)
policies = st.builds(
    ApprovalPolicy,
    scanners=st.builds(
        ScannerDemands,
        sets("trivy", "grype"),
        st.integers(0, 3),
        days,
        st.booleans(),
    ),
    vulnerabilities=st.builds(
        VulnerabilityDemands,
        st.dictionaries(
            st.sampled_from(Severity),
            st.builds(SeverityLimit, st.integers(0, 2000), st.booleans()),
        ),
        st.booleans(),
        st.none() | sets("nvd", "debian"),
    ),
    licences=st.builds(
        LicenceDemands,
        st.none() | sets("MIT", "GPL-2.0-only"),
        sets("MIT", "GPL-2.0-only"),
        sets("MIT"),
        st.booleans(),
    ),
    maintenance=st.builds(
        MaintenanceDemands,
        st.booleans(),
        days,
        days,
        st.none() | st.just(frozenset(chain_ids([BASE]))),
        st.none() | sets("docker.io/**", "ghcr.io/acme/*"),
        sets("docker.io/library/*"),
    ),
    configuration=st.builds(
        ConfigurationDemands, st.booleans(), st.booleans(), st.none() | sets("/bin/su")
    ),
    approval=st.builds(ApprovalDemands, st.none() | sets("upstream"), days),
)
