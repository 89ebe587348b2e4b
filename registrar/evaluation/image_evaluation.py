"""Evaluates one image: evidence, policy, lifts and an instant in, a result with reasons out."""

from collections.abc import Sequence
from datetime import datetime

from registrar.evaluation.approval_policy import ApprovalPolicy
from registrar.evaluation.check_values import Evaluation, Lift
from registrar.evaluation.content_checks import (
    configuration_check,
    malware_check,
    signature_check,
)
from registrar.evaluation.licence_check import licence_check
from registrar.evaluation.maintenance_check import (
    age_check,
    base_check,
    publisher_check,
    system_check,
)
from registrar.evaluation.os_support import SupportTable
from registrar.evaluation.scanner_checks import agreement_check, scanner_check
from registrar.evaluation.vulnerability_check import vulnerability_check
from registrar.evidence.evidence_values import ImageEvidence


def evaluate(
    evidence: ImageEvidence,
    policy: ApprovalPolicy,
    *,
    lifts: Sequence[Lift] = (),
    support: SupportTable,
    now: datetime,
) -> Evaluation:
    """Every check, also those after one that fails: a person sees everything at once."""
    vulnerabilities, findings = vulnerability_check(evidence, policy, lifts, now)
    checks = (
        malware_check(evidence),
        scanner_check(evidence, policy.scanners),
        vulnerabilities,
        agreement_check(findings, policy.scanners),
        licence_check(evidence, policy.licences),
        system_check(evidence, policy.maintenance, support, now),
        age_check(evidence, policy.maintenance, now),
        base_check(evidence, policy.maintenance),
        publisher_check(evidence, policy.maintenance),
        configuration_check(evidence, policy.configuration),
        signature_check(evidence, policy.approval),
    )
    return Evaluation(evidence.id, evidence.repository, now, checks, findings)
