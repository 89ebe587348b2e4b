"""Which licences an image may carry: SPDX expressions, judged part by part."""

from functools import cache
from typing import Any, Final

from license_expression import AND, ExpressionError, LicenseWithExceptionSymbol, get_spdx_licensing

from registrar.evaluation.approval_policy import LicenceDemands
from registrar.evaluation.check_values import Check, CheckState
from registrar.evidence.evidence_values import (
    ImageEvidence,
    LicenceClaim,
    Package,
    PlatformEvidence,
)

_OS_PACKAGES: Final = frozenset({"deb", "rpm", "apk", "alpm"})
_WORSE: Final = (CheckState.PASS, CheckState.REVIEW, CheckState.INCONCLUSIVE, CheckState.FAIL)
_SENTENCES: Final = {
    CheckState.FAIL: "is not permitted",
    CheckState.INCONCLUSIVE: "is no SPDX expression, so nobody can say whether it is permitted",
    CheckState.REVIEW: "is commercial: a person has to confirm that it was bought",
}


def licence_check(evidence: ImageEvidence, demands: LicenceDemands) -> Check:
    """FAIL for what is not permitted, INCONCLUSIVE for what is not known, REVIEW for what has to
    be bought; an expression with a choice is as good as its best part."""
    found: list[tuple[CheckState, str]] = []
    if demands.allow is None and not demands.deny and not demands.commercial:
        return Check("licences", CheckState.PASS)
    for platform in evidence.platforms:
        claims = [claim for scan in platform.scans for claim in scan.licences]
        for claim in claims:
            state = _judged(claim, demands)
            found.append((state, f"{_owner(claim)}: {claim.expression} {_SENTENCES.get(state)}."))
        found += [(CheckState.INCONCLUSIVE, why) for why in _unknown(platform, claims, demands)]
    found = [entry for entry in found if entry[0] is not CheckState.PASS]
    found.sort(key=lambda entry: (-_WORSE.index(entry[0]), entry[1]))
    state = found[0][0] if found else CheckState.PASS
    return Check("licences", state, tuple(dict.fromkeys(why for _, why in found)))


def licence_id(text: str) -> str:
    """The id in the spelling of SPDX; unknown ids stay as they are."""
    parsed = _parsed(text)
    return text if parsed is None else str(parsed)


@cache
def _parsed(expression: str) -> Any:
    """None for what is no expression."""
    try:
        return _spdx().parse(expression)
    except ExpressionError:
        return None


@cache
def _spdx() -> Any:
    return get_spdx_licensing()


@cache
def _ids(given: frozenset[str]) -> frozenset[str]:
    return frozenset(map(licence_id, given))


def _judged(claim: LicenceClaim, demands: LicenceDemands) -> CheckState:
    parsed = _parsed(claim.expression)
    trusted = demands.trust_os_packages and _is_os(claim.package)
    if parsed is None:
        return CheckState.PASS if trusted else CheckState.INCONCLUSIVE
    return _part(parsed, demands, trusted)


def _part(parsed: Any, demands: LicenceDemands, trusted: bool) -> CheckState:
    if parts := getattr(parsed, "args", ()):
        states = [_part(part, demands, trusted) for part in parts]
        choose = max if isinstance(parsed, AND) else min
        return choose(states, key=_WORSE.index)
    names = {str(parsed)}
    if isinstance(parsed, LicenseWithExceptionSymbol):
        names.add(str(parsed.license_symbol))
    if not trusted and names & _ids(demands.deny):
        return CheckState.FAIL
    if not trusted and demands.allow is not None and not names & _ids(demands.allow):
        return CheckState.FAIL
    return CheckState.REVIEW if names & _ids(demands.commercial) else CheckState.PASS


def _unknown(
    platform: PlatformEvidence, claims: list[LicenceClaim], demands: LicenceDemands
) -> list[str]:
    if not claims:
        return [f"No licence of anything in {platform.facts.platform} is known."]
    known = {claim.package.url for claim in claims if claim.package is not None}
    return [
        f"{package.name} {package.version}: its licence is not known."
        for package in platform.facts.packages
        if package.url not in known and not (demands.trust_os_packages and _is_os(package))
    ]


def _is_os(package: Package | None) -> bool:
    return package is not None and package.ecosystem in _OS_PACKAGES


def _owner(claim: LicenceClaim) -> str:
    return f"{claim.package.name} {claim.package.version}" if claim.package else "The image"
