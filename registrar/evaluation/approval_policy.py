"""What a scope demands of an image before its approval, as values; each key declared once.

Beside its default, which demands nothing, each key names how it combines with the same key of the
level above (`registrar/evaluation/meets.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from core.image.digest import Digest
from registrar.evaluation import meets
from registrar.evaluation.severity_limit import Limits
from registrar.evidence.evidence_values import Severity

T = TypeVar("T")


def _key(default: Any, meet: Callable[[Any, Any], Any]) -> Any:
    return field(default=default, metadata={"meet": meet})


def _no_limits() -> dict[Severity, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class ScannerDemands:
    """Who has to have scanned each platform. `independent_engines` counts conclusive scans by
    engine, not by scanner; `database_max_age_days` is the age when the scan began."""

    required: frozenset[str] = _key(frozenset(), meets.union)
    independent_engines: int = _key(1, meets.most)
    database_max_age_days: int | None = _key(None, meets.least)
    review_disagreement: bool = _key(False, meets.either)


@dataclass(frozen=True, slots=True)
class VulnerabilityDemands:
    """Which vulnerabilities block. `severity_sources`: whose ratings count, None: everybody's."""

    block: Limits = field(default_factory=_no_limits, metadata={"meet": meets.limits})
    block_exploited: bool = _key(True, meets.either)
    severity_sources: frozenset[str] | None = _key(None, meets.from_above)


@dataclass(frozen=True, slots=True)
class LicenceDemands:
    """SPDX licences and others by their id. `allow` None: all that `deny` does not name.
    `trust_os_packages`: packages of the operating system are not judged by `allow` and `deny`."""

    allow: frozenset[str] | None = _key(None, meets.common)
    deny: frozenset[str] = _key(frozenset(), meets.union)
    commercial: frozenset[str] = _key(frozenset(), meets.union)
    trust_os_packages: bool = _key(True, meets.both)


@dataclass(frozen=True, slots=True)
class MaintenanceDemands:
    """Whether somebody looks after the image. `allow_bases` are chain IDs of base images, patterns
    are those of `policy set --repository`."""

    supported_system: bool = _key(False, meets.either)
    image_max_age_days: int | None = _key(None, meets.least)
    upstream_max_age_days: int | None = _key(None, meets.least)
    allow_bases: frozenset[Digest] | None = _key(None, meets.common)
    allow_repositories: frozenset[str] | None = _key(None, meets.common)
    deny_repositories: frozenset[str] = _key(frozenset(), meets.union)


@dataclass(frozen=True, slots=True)
class ConfigurationDemands:
    """What the image's own settings and files must not be. `allow_setuid` are paths; None: any."""

    forbid_root: bool = _key(False, meets.either)
    forbid_secrets: bool = _key(False, meets.either)
    allow_setuid: frozenset[str] | None = _key(None, meets.common)


@dataclass(frozen=True, slots=True)
class ApprovalDemands:
    """Whose signature of the image is asked for (one of them), and how long an approval lasts."""

    signed_by: frozenset[str] | None = _key(None, meets.common)
    max_days: int | None = _key(None, meets.least)


@dataclass(frozen=True, slots=True)
class ApprovalPolicy:
    """All demands; without any it demands one conclusive scan, no malware and nothing that is
    known to be exploited."""

    scanners: ScannerDemands = ScannerDemands()
    vulnerabilities: VulnerabilityDemands = field(default_factory=VulnerabilityDemands)
    licences: LicenceDemands = LicenceDemands()
    maintenance: MaintenanceDemands = MaintenanceDemands()
    configuration: ConfigurationDemands = ConfigurationDemands()
    approval: ApprovalDemands = ApprovalDemands()


def combined(parent: ApprovalPolicy, child: ApprovalPolicy) -> ApprovalPolicy:
    """The demands of both."""
    return ApprovalPolicy(
        *(
            _met(getattr(parent, section.name), getattr(child, section.name))
            for section in fields(ApprovalPolicy)
        )
    )


def loosened(parent: ApprovalPolicy, child: ApprovalPolicy) -> list[tuple[str, Any, Any]]:
    """The keys by which the child demands less: (`section.key`, the parent's, the child's)."""
    whole = combined(parent, child)
    return [
        (f"{section.name}.{key.name}", _get(parent, section, key), _get(child, section, key))
        for section in fields(ApprovalPolicy)
        for key in fields(getattr(child, section.name))
        if _get(whole, section, key) != _get(child, section, key)
    ]


def _met(parent: T, child: T) -> T:
    found = {
        key.name: key.metadata["meet"](getattr(parent, key.name), getattr(child, key.name))
        for key in fields(child)  # type: ignore[arg-type]  # sections are dataclasses
    }
    return replace(child, **found)  # type: ignore[type-var]  # as above


def _get(policy: ApprovalPolicy, section: Any, key: Any) -> Any:
    return getattr(getattr(policy, section.name), key.name)
