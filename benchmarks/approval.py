"""What it costs to evaluate all stored evidence again, as `policy test` does.

`python -m benchmarks.approval [--quick] [--sizes N] [--json FILE]`: images of one platform that two
scanners looked at, with 35 vulnerabilities each. Baseline: reading the same JSON into dicts.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.figures import Figure, show, write
from core.image.digest import Digest
from registrar.evaluation.approval_policy import (
    ApprovalPolicy,
    LicenceDemands,
    MaintenanceDemands,
    ScannerDemands,
    VulnerabilityDemands,
)
from registrar.evaluation.image_evaluation import evaluate
from registrar.evaluation.os_support import our_table
from registrar.evaluation.severity_limit import SeverityLimit
from registrar.evidence.evidence_json import write_evidence
from registrar.evidence.evidence_store import EvidenceStore
from registrar.evidence.evidence_values import (
    Database,
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

SIZE = 10_000
QUICK = 500
FLAWS = 35
NOW = datetime(2027, 5, 22, 8, tzinfo=UTC)
SCANNERS = (Scanner("trivy", "trivy", "0.60"), Scanner("debsecan", "debsecan", "0.4"))
POLICY = ApprovalPolicy(
    ScannerDemands(frozenset({"trivy"}), 2, 2, review_disagreement=True),
    VulnerabilityDemands(
        {Severity.CRITICAL: SeverityLimit(), Severity.HIGH: SeverityLimit(30, only_fixable=True)}
    ),
    LicenceDemands(deny=frozenset({"AGPL-3.0-only"})),
    MaintenanceDemands(supported_system=True, image_max_age_days=365),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="benchmarks.approval", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} images only")
    parser.add_argument("--sizes", type=int, metavar="N", help="another number of images")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    size = options.sizes or (QUICK if options.quick else SIZE)
    with tempfile.TemporaryDirectory(prefix="dwbench-") as folder:
        figures = measure(Path(folder), size)
    print(show(figures))
    if options.json:
        write(figures, options.json)
    return 0


def measure(folder: Path, size: int) -> dict[str, Figure]:
    """Store that many images, then read and evaluate them all; processor time of one core."""
    fill(folder, size)
    store = EvidenceStore(folder)
    began = time.process_time()
    for path in folder.glob("sha256/??/*.json"):
        json.loads(path.read_bytes())
    plain = time.process_time() - began
    whole, evaluated = time.process_time(), 0.0
    for stored in store.latest():
        began = time.process_time()
        evaluate(stored.evidence, POLICY, support=our_table(), now=NOW)
        evaluated += time.process_time() - began
    whole = time.process_time() - whole
    goal = "<= 10" if size == SIZE else ""
    return {
        f"{size}: evaluated": Figure(evaluated, "s", goal),
        f"{size}: read and checked": Figure(whole - evaluated, "s", "", plain),
        f"{size}: an image, both": Figure(whole / size * 1000, "ms"),
    }


def fill(folder: Path, size: int) -> None:
    """The store's files, without the waits for the disk."""
    for number in range(size):
        data = write_evidence(evidence(number))
        digest = Digest.of(data)
        path = folder / f"sha256/{digest.hex[:2]}/{digest.hex}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def evidence(number: int) -> ImageEvidence:
    """One image; every other one has a finding that only one scanner knows."""
    manifest = Digest.of(b"manifest %d" % number)
    facts = ImageFacts(
        "linux/amd64", manifest, NOW - timedelta(days=9), OperatingSystem("debian", "12"), "app"
    )
    scans = tuple(_scan(scanner, manifest, number) for scanner in SCANNERS)
    return ImageEvidence(
        f"docker.io/acme/web{number}",
        Digest.of(b"index %d" % number),
        NOW,
        (PlatformEvidence(facts, scans),),
    )


def _scan(scanner: Scanner, manifest: Digest, number: int) -> ScanResult:
    first = number % 2 if scanner is SCANNERS[0] else 0
    flaws = tuple(_flaw(n, scanner) for n in range(first, first + FLAWS))
    return ScanResult(
        scanner,
        manifest,
        ScanState.CONCLUSIVE,
        NOW,
        NOW,
        vulnerabilities=flaws,
        packages_seen=88,
        databases=(Database("db", NOW - timedelta(days=1)),),
    )


def _flaw(number: int, scanner: Scanner) -> Vulnerability:
    package = Package("deb", f"lib{number % 20}", "1.2-3", f"source{number % 20}")
    return Vulnerability(
        f"CVE-2026-{number}",
        package,
        Severity(2 + number % 3),
        scanner.name,
        fixed_in="1.2-4" if number % 3 else "",
        published_at=NOW - timedelta(days=20 + number),
        title="A flaw in a library",
    )


if __name__ == "__main__":
    raise SystemExit(main())
