"""Whether somebody looks after an image: its system, its age, its base, its publisher."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from core.decision.constraints import matches
from core.image.digest import chain_ids
from registrar.evaluation.approval_policy import MaintenanceDemands
from registrar.evaluation.check_values import Check, CheckState, check
from registrar.evaluation.os_support import SupportTable
from registrar.evidence.evidence_values import ImageEvidence, ImageFacts

Found = tuple[CheckState, str]


def system_check(
    evidence: ImageEvidence, demands: MaintenanceDemands, support: SupportTable, now: datetime
) -> Check:
    """Every platform's operating system still gets security updates."""
    found = [
        _system(platform.facts, support, now)
        for platform in evidence.platforms
        if demands.supported_system
    ]
    return _worst("operating system", [entry for entry in found if entry])


def age_check(evidence: ImageEvidence, demands: MaintenanceDemands, now: datetime) -> Check:
    """The image was built, and its upstream released something, not too long ago."""
    found = [
        _age(
            f"The image for {platform.facts.platform} was built",
            platform.facts.created_at,
            demands.image_max_age_days,
            now,
        )
        for platform in evidence.platforms
    ]
    released = evidence.upstream_released_at
    found.append(_age("Upstream's last release was", released, demands.upstream_max_age_days, now))
    return _worst("age", [entry for entry in found if entry])


def base_check(evidence: ImageEvidence, demands: MaintenanceDemands) -> Check:
    """Every platform's layers begin with those of an allowed base."""
    allowed = demands.allow_bases
    if allowed is None:
        return Check("base image", CheckState.PASS)
    found: list[Found] = []
    for platform in evidence.platforms:
        facts = platform.facts
        if not facts.diff_ids:
            found.append((CheckState.INCONCLUSIVE, f"No layer of {facts.platform} is known."))
        elif not allowed & set(chain_ids(facts.diff_ids)):
            found.append(
                (CheckState.FAIL, f"{facts.platform} is built on none of the allowed bases.")
            )
    return _worst("base image", found)


def publisher_check(evidence: ImageEvidence, demands: MaintenanceDemands) -> Check:
    """The repository is allowed, and not denied."""
    return check("publisher", list(_publisher(evidence.repository, demands)))


def _publisher(repository: str, demands: MaintenanceDemands) -> Iterator[str]:
    for pattern in sorted(demands.deny_repositories):
        if matches(pattern, repository):
            yield f"{repository} is denied by {pattern}."
    allowed = demands.allow_repositories
    if allowed is not None and not any(matches(pattern, repository) for pattern in allowed):
        yield f"{repository} fits none of the allowed {', '.join(sorted(allowed)) or '(none)'}."


def _system(facts: ImageFacts, support: SupportTable, now: datetime) -> Found | None:
    if facts.system is None:
        return CheckState.INCONCLUSIVE, f"{facts.platform} names no operating system."
    name = f"{facts.system.id} {facts.system.version}"
    end = support.end(facts.system)
    if end is None:
        return (
            CheckState.INCONCLUSIVE,
            f"The table of {support.dated} does not know until when {name} is supported.",
        )
    if now.date() > end:
        return CheckState.FAIL, f"{name} has had no security updates since {end}."
    return None


def _age(what: str, instant: datetime | None, days: int | None, now: datetime) -> Found | None:
    if days is None:
        return None
    if instant is None:
        return CheckState.INCONCLUSIVE, f"{what} at a time that is not known."
    age = now - instant
    if age > timedelta(days=days):
        return CheckState.FAIL, f"{what} {age.days} days ago; the policy permits {days}."
    return None


def _worst(name: str, found: list[Found]) -> Check:
    failed = any(state is CheckState.FAIL for state, _ in found)
    ordered = sorted(found, key=lambda entry: entry[0] is not CheckState.FAIL)
    otherwise = CheckState.FAIL if failed else CheckState.INCONCLUSIVE
    return check(name, [why for _, why in ordered], otherwise)
