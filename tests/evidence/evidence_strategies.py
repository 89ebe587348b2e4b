"""Evidence for Hypothesis: everything that the values can hold."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from core.image.digest import Digest
from registrar.evidence.evidence_values import (
    Database,
    ImageEvidence,
    ImageFacts,
    LicenceClaim,
    OperatingSystem,
    Package,
    PlatformEvidence,
    Problem,
    ProblemKind,
    Scanner,
    ScanResult,
    ScanState,
    Severity,
    Vulnerability,
)

NOW = datetime(2027, 5, 22, 8, tzinfo=UTC)
texts = st.text(st.characters(codec="utf-8"), max_size=12)
words = st.sampled_from(["openssl", "zlib", "bash", "libc6"])
digests = st.binary(max_size=4).map(Digest.of)
instants = st.integers(-(10**8), 10**8).map(lambda seconds: NOW + timedelta(seconds=seconds))
packages = st.builds(Package, st.sampled_from(["deb", "pypi"]), words, texts, words)
names = st.sampled_from([f"CVE-2027-{n}" for n in range(4)] + ["GHSA-a", "GHSA-b"])
vulnerabilities = st.builds(
    Vulnerability,
    id=names,
    package=packages,
    severity=st.sampled_from(Severity),
    severity_source=st.sampled_from(["", "nvd", "debian"]),
    aliases=st.frozensets(names, max_size=2),
    fixed_in=st.sampled_from(["", "2"]),
    published_at=st.none() | instants,
    exploited=st.none() | st.booleans(),
    title=texts,
)
problems = st.builds(Problem, st.sampled_from(ProblemKind), texts, texts)
claims = st.builds(
    LicenceClaim, st.sampled_from(["MIT", "GPL-2.0-only", "MIT OR GPL-2.0-only"]), packages
)
systems = st.builds(OperatingSystem, st.sampled_from(["debian", "alpine"]), st.just("12"))
scanners = st.sampled_from(
    [Scanner("trivy", "trivy"), Scanner("grype", "grype"), Scanner("harbor", "trivy")]
)
scans = st.builds(
    ScanResult,
    scanner=scanners,
    subject=digests,
    state=st.sampled_from(ScanState),
    started_at=instants,
    finished_at=instants,
    reasons=st.lists(texts, max_size=2).map(tuple),
    vulnerabilities=st.lists(vulnerabilities, max_size=3).map(tuple),
    problems=st.lists(problems, max_size=2).map(tuple),
    licences=st.lists(claims, max_size=2).map(tuple),
    system=st.none() | systems,
    packages_seen=st.integers(0, 500),
    databases=st.lists(st.builds(Database, texts, st.none() | instants), max_size=2).map(tuple),
)
facts = st.builds(
    ImageFacts,
    platform=st.just("linux/amd64"),
    manifest=digests,
    created_at=st.none() | instants,
    system=st.none() | systems,
    user=st.sampled_from(["", "0", "app"]),
    setuid=st.lists(texts, max_size=2).map(tuple),
    labels=st.lists(st.tuples(texts, texts), max_size=2).map(tuple),
    diff_ids=st.lists(digests, max_size=2).map(tuple),
    packages=st.lists(packages, max_size=2).map(tuple),
)
platforms = st.builds(PlatformEvidence, facts, st.lists(scans, max_size=3).map(tuple))
evidences = st.builds(
    ImageEvidence,
    repository=st.sampled_from(["docker.io/library/nginx", "ghcr.io/acme/web"]),
    id=digests,
    fetched_at=instants,
    platforms=st.lists(platforms, min_size=1, max_size=2).map(tuple),
    tags=st.lists(texts, max_size=2).map(tuple),
    signed_by=st.frozensets(texts, max_size=2),
)
