"""The approval policies of a scope and those above it: children may only tighten."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from core.base_errors import DockwardenError
from registrar.evaluation.approval_policy import ApprovalPolicy, loosened
from registrar.evaluation.check_values import Lift
from registrar.evaluation.policy_yaml import PolicyFile, read_policy

NAME = "policy.yaml"


class PolicyLoosens(DockwardenError):
    """A scope's policy demands less than the policy of a scope above it."""


@dataclass(frozen=True, slots=True)
class ScopePolicy:
    """What counts in a scope. `decided_by` is the scope that set each key (`scanners.required`),
    `files` how many policies were read."""

    policy: ApprovalPolicy
    lifts: tuple[Lift, ...]
    decided_by: Mapping[str, str]
    files: int


def scopes_above(scope: str) -> list[str]:
    """The scope and its ancestors, the organization first."""
    parts = scope.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts) + 1)]


def policy_of(scope: str, read: Callable[[str], bytes | None]) -> ScopePolicy:
    """`read` gives a scope's file, or None where there is none. Raises `PolicyInvalid`, or
    `PolicyLoosens` naming file, line and key."""
    whole = ScopePolicy(ApprovalPolicy(), (), {}, 0)
    for name in scopes_above(scope):
        data = read(name)
        if data is not None:
            at = f"scopes/{name}/{NAME}"
            whole = _joined(whole, name, read_policy(data, at), at)
    return whole


def _joined(above: ScopePolicy, scope: str, file: PolicyFile, at: str) -> ScopePolicy:
    if above.files:
        _check_tightens(above, file, at)
    decided = {**above.decided_by, **dict.fromkeys(file.lines, scope)}
    policy = _inherited(above.policy, file) if above.files else file.policy
    return ScopePolicy(policy, above.lifts + file.lifts, decided, above.files + 1)


def _inherited(above: ApprovalPolicy, file: PolicyFile) -> ApprovalPolicy:
    """The file's own keys; the others from above."""
    sections = {}
    for section in fields(ApprovalPolicy):
        own = getattr(file.policy, section.name)
        given = {
            key.name: getattr(own, key.name)
            for key in fields(own)
            if f"{section.name}.{key.name}" in file.lines
        }
        sections[section.name] = replace(getattr(above, section.name), **given)
    return ApprovalPolicy(**sections)


def _check_tightens(above: ScopePolicy, file: PolicyFile, at: str) -> None:
    for key, theirs, ours in loosened(above.policy, file.policy):
        if key in file.lines:
            owner = above.decided_by.get(key, "the default")
            raise PolicyLoosens(
                f"{at}, line {file.lines[key]}: {key} is {shown(ours)}, which demands less than "
                f"{shown(theirs)} of {owner}",
                hint="a scope may only demand more than those above it; leave the key out",
            )
    if file.lifts:
        raise PolicyLoosens(
            f"{at}, line {file.lines['waivers']}: waivers lift what a scope above demands",
            hint="write them into the organization's policy",
        )


def shown(value: Any) -> str:
    """A key's value as a person reads it."""
    if value is None:
        return "any"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, frozenset):
        return ", ".join(sorted(map(str, value))) or "none"
    if isinstance(value, Mapping):
        worst_first = sorted(value.items(), reverse=True)
        return "; ".join(f"{s.name.lower()} {_limit(limit)}" for s, limit in worst_first) or "none"
    return str(value)


def _limit(limit: Any) -> str:
    when = f"after {limit.after_days} days" if limit.after_days else "at once"
    return f"{when} if fixable" if limit.only_fixable else when
