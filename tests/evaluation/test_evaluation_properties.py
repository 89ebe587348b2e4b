"""What must hold for every evidence and every policy, so that no gap becomes an approval."""

from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from registrar.evaluation.approval_policy import ApprovalPolicy, combined, loosened
from registrar.evaluation.check_values import CheckState, Evaluation
from registrar.evidence.evidence_json import read_evidence, write_evidence
from registrar.evidence.evidence_values import (
    ImageEvidence,
    LicenceClaim,
    PlatformEvidence,
    Problem,
    ScanResult,
    Vulnerability,
)
from tests.evaluation.evaluation_world import evaluated, policies, scanned
from tests.evidence.evidence_strategies import claims, problems, vulnerabilities

_RANK = {
    CheckState.PASS: 0,
    CheckState.REVIEW: 1,
    CheckState.INCONCLUSIVE: 2,
    CheckState.ERROR: 2,
    CheckState.FAIL: 3,
}


def _no_better(after: Evaluation, before: Evaluation, *, but: str = "") -> None:
    for old, new in zip(before.checks, after.checks, strict=True):
        assert old.name == new.name
        assert old.name == but or _RANK[new.state] >= _RANK[old.state], (old, new)


@given(scanned, policies, policies)
@settings(max_examples=60)
def test_tightening_a_policy_never_helps(
    evidence: ImageEvidence, parent: ApprovalPolicy, child: ApprovalPolicy
) -> None:
    tighter = combined(parent, child)
    assert loosened(parent, tighter) == []
    _no_better(evaluated(evidence, tighter), evaluated(evidence, parent))


@given(policies, policies, policies)
@settings(max_examples=30)
def test_levels_combine_the_same_from_above_and_from_below(
    one: ApprovalPolicy, two: ApprovalPolicy, three: ApprovalPolicy
) -> None:
    assert combined(combined(one, two), three) == combined(one, combined(two, three))
    assert combined(one, one) == one


def _with(evidence: ImageEvidence, data: st.DataObject, added: object) -> ImageEvidence:
    """One more finding in one of the scans; without a date, since a date that one scanner knows
    counts for the others, too."""
    places = [(n, m) for n, p in enumerate(evidence.platforms) for m in range(len(p.scans))]
    assume(places)
    n, m = data.draw(st.sampled_from(places))
    platform = evidence.platforms[n]
    scan = platform.scans[m]
    match added:
        case Vulnerability():
            undated = replace(added, published_at=None)
            scan = replace(scan, vulnerabilities=(*scan.vulnerabilities, undated))
        case Problem():
            scan = replace(scan, problems=(*scan.problems, added))
        case LicenceClaim():
            assume(scan.licences)  # the first claim makes known what was unknown
            assume(not platform.facts.packages)
            scan = replace(scan, licences=(*scan.licences, added))
    scans = (*platform.scans[:m], scan, *platform.scans[m + 1 :])
    return _replaced(evidence, n, replace(platform, scans=scans))


def _replaced(evidence: ImageEvidence, n: int, platform: PlatformEvidence) -> ImageEvidence:
    platforms = (*evidence.platforms[:n], platform, *evidence.platforms[n + 1 :])
    return replace(evidence, platforms=platforms)


@given(scanned, policies, st.one_of(vulnerabilities, problems, claims), st.data())
@settings(max_examples=60)
def test_adding_a_finding_never_helps(
    evidence: ImageEvidence, policy: ApprovalPolicy, added: object, data: st.DataObject
) -> None:
    worse = _with(evidence, data, added)
    # Two scanners that now find the same agree: the only check that may get better.
    _no_better(evaluated(worse, policy), evaluated(evidence, policy), but="agreement")


@given(scanned, policies, st.data())
@settings(max_examples=60)
def test_a_missing_report_never_helps(
    evidence: ImageEvidence, policy: ApprovalPolicy, data: st.DataObject
) -> None:
    """Where the policy requires the scanner, a lost report cannot end in PASS."""
    places = [(n, m) for n, p in enumerate(evidence.platforms) for m in range(len(p.scans))]
    assume(places)
    n, m = data.draw(st.sampled_from(places))
    platform = evidence.platforms[n]
    name = platform.scans[m].scanner.name
    rest = tuple(scan for scan in platform.scans if scan.scanner.name != name)
    required = policy.scanners.required | {name}
    demanding = replace(policy, scanners=replace(policy.scanners, required=required))
    lost = _replaced(evidence, n, replace(platform, scans=rest))
    assert evaluated(lost, demanding).state in (CheckState.FAIL, CheckState.INCONCLUSIVE)


def _twice(platform: PlatformEvidence, name: str) -> PlatformEvidence:
    def renamed(scan: ScanResult) -> ScanResult:
        return replace(scan, scanner=replace(scan.scanner, name=name))

    return replace(platform, scans=(*platform.scans, *map(renamed, platform.scans)))


@given(scanned, policies)
@settings(max_examples=40)
def test_one_scanner_twice_is_one(evidence: ImageEvidence, policy: ApprovalPolicy) -> None:
    """The same engines again, under another name: nothing gets better."""
    doubled = replace(evidence, platforms=tuple(_twice(p, "again") for p in evidence.platforms))
    before, after = evaluated(evidence, policy), evaluated(doubled, policy)
    _no_better(after, before)
    assert [check.state for check in after.checks] == [check.state for check in before.checks]


@given(scanned, policies)
@settings(max_examples=30)
def test_the_result_depends_on_evidence_policy_and_time_alone(
    evidence: ImageEvidence, policy: ApprovalPolicy
) -> None:
    stored = read_evidence(write_evidence(evidence), "e")
    assert evaluated(stored, policy) == evaluated(evidence, policy)
