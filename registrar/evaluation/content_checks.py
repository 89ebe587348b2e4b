"""What an image's settings and files must not be, malware, and whose signature it needs."""

from collections.abc import Iterator

from registrar.evaluation.approval_policy import ApprovalDemands, ConfigurationDemands
from registrar.evaluation.check_values import Check, check
from registrar.evidence.evidence_values import ImageEvidence, ImageFacts, Problem, ProblemKind


def malware_check(evidence: ImageEvidence) -> Check:
    """Malware always blocks, whoever found it."""
    return check(
        "malware",
        [f"Malware: {_named(found)}." for found in _problems(evidence, ProblemKind.MALWARE)],
    )


def configuration_check(evidence: ImageEvidence, demands: ConfigurationDemands) -> Check:
    """Root user, secrets, set-user-ID files."""
    reasons = [why for platform in evidence.platforms for why in _settings(platform.facts, demands)]
    if demands.forbid_secrets:
        reasons += [
            f"Secret: {_named(found)}." for found in _problems(evidence, ProblemKind.SECRET)
        ]
    return check("configuration", reasons)


def signature_check(evidence: ImageEvidence, demands: ApprovalDemands) -> Check:
    """One of the demanded identities signed the image upstream."""
    wanted = demands.signed_by
    if wanted is None or wanted & evidence.signed_by:
        return check("signature", [])
    signed = ", ".join(sorted(evidence.signed_by)) or "nobody"
    return check(
        "signature",
        [f"It is signed by {signed}, not by {' or '.join(sorted(wanted)) or 'anyone'}."],
    )


def _settings(facts: ImageFacts, demands: ConfigurationDemands) -> Iterator[str]:
    if demands.forbid_root and facts.user.partition(":")[0] in ("", "0", "root"):
        yield f"{facts.platform} runs as root."
    if demands.allow_setuid is not None:
        for path in sorted(set(facts.setuid) - demands.allow_setuid):
            yield f"{path} has the set-user-ID bit ({facts.platform})."


def _problems(evidence: ImageEvidence, kind: ProblemKind) -> Iterator[Problem]:
    for platform in evidence.platforms:
        for scan in platform.scans:
            yield from (problem for problem in scan.problems if problem.kind is kind)


def _named(problem: Problem) -> str:
    return f"{problem.name} in {problem.path}" if problem.path else problem.name
