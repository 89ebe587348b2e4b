"""What root and targets ought to say by the workspace's rules; signs nothing, reads no clock."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from tuf.api.metadata import DelegatedRole, Delegations, Metadata, Role, Root, Targets

from core.list_format.payload import EMERGENCY
from registrar.keys.key_folder import tuf_key
from registrar.registrar_errors import WorkspaceInvalid
from registrar.workspace import EnrolledKey, Rule, Workspace

TOP: Final = ("root", "targets", "snapshot", "timestamp")


@dataclass(frozen=True, slots=True)
class Demands:
    """The rules by role, each checked against the enrolled keys: roles, then scopes."""

    top: Mapping[str, Rule]
    delegated: Mapping[str, Rule]
    keys: Mapping[str, EnrolledKey]


def demands(workspace: Workspace) -> Demands:
    """Raises `WorkspaceInvalid` naming file and key for a rule that cannot be met."""
    rules, keys = workspace.rules(), workspace.keys()
    scopes = {scope: workspace.scope_rule(scope).rule for scope in workspace.scopes()}
    found = Demands(
        {name: rules.roles[name] for name in TOP},
        {EMERGENCY: rules.roles[EMERGENCY]} | scopes,
        keys,
    )
    for name, rule in {**found.top, **found.delegated}.items():
        at = f"scopes/{name}/scope.toml" if name in scopes else f"registrar.toml: [{name}]"
        _check(at, rule, keys)
    least = rules.scopes.rule.threshold
    for scope, rule in scopes.items():
        if rule.threshold < least:
            raise WorkspaceInvalid(
                f"scopes/{scope}/scope.toml: threshold: {rule.threshold}, but {least} is the"
                " organization's least",
                hint=f"`scope set-threshold {scope} {least}`",
            )
    if scopes and rules.organization not in scopes:
        raise WorkspaceInvalid(
            f"scopes/{rules.organization}: the organization's own scope is missing",
            hint=f"`scope add {rules.organization}`",
        )
    return found


def is_due(expires: datetime, lifetime: timedelta, now: datetime) -> bool:
    """Whether it is time to sign again: in the last quarter of its life."""
    return expires - now <= lifetime / 4


def desired_root(desired: Demands, old: Metadata[Root] | None, now: datetime) -> Metadata[Root]:
    """The next root by the rules, unsigned."""
    rule = desired.top["root"]
    roles = {name: _role(desired.top[name], desired.keys) for name in TOP}
    return Metadata(
        Root(
            version=old.signed.version + 1 if old else 1,
            expires=now + rule.lifetime,
            keys=_keys(desired.top.values(), desired.keys),
            roles=roles,
            consistent_snapshot=True,
        )
    )


def desired_targets(
    desired: Demands, old: Metadata[Targets] | None, now: datetime
) -> Metadata[Targets]:
    """The next delegations by the rules, unsigned: all roles side by side, `emergency` first."""
    roles = {
        name: DelegatedRole(
            name,
            [desired.keys[key].keyid for key in rule.keys],
            rule.threshold,
            terminating=True,
            paths=[f"{name}/*"],
        )
        for name, rule in desired.delegated.items()
    }
    keys = _keys(desired.delegated.values(), desired.keys)
    return Metadata(
        Targets(
            version=old.signed.version + 1 if old else 1,
            expires=now + desired.top["targets"].lifetime,
            delegations=Delegations(keys, roles),
        )
    )


def says_the_same(one: Metadata[Any], other: Metadata[Any]) -> bool:
    """Whether both say the same but for version and expiry."""
    return _content(one) == _content(other)


def _content(metadata: Metadata[Any]) -> dict[str, Any]:
    said: dict[str, Any] = metadata.signed.to_dict()
    return {key: value for key, value in said.items() if key not in ("version", "expires")}


def _check(at: str, rule: Rule, keys: Mapping[str, EnrolledKey]) -> None:
    for name in rule.keys:
        if name not in keys:
            raise WorkspaceInvalid(
                f"{at}: keys: {name!r} is not enrolled",
                hint=f"`key enroll {name} --public FILE`, or take the name out",
            )
    if rule.threshold > len(rule.keys):
        raise WorkspaceInvalid(
            f"{at}: {rule.threshold} must sign, but {len(rule.keys)} may",
            hint="let more keys sign (`key enroll … --role`), or lower the threshold",
        )


def _role(rule: Rule, keys: Mapping[str, EnrolledKey]) -> Role:
    return Role([keys[name].keyid for name in rule.keys], rule.threshold)


def _keys(rules: Iterable[Rule], keys: Mapping[str, EnrolledKey]) -> dict[str, Any]:
    return {keys[name].keyid: tuf_key(keys[name]) for rule in rules for name in rule.keys}
