"""Who holds which role: puts names into the rules and takes them out; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from registrar.registrar_errors import WorkspaceInvalid
from registrar.workspace.rules import ROLES, Rule, Rules, ScopeRule

ADMINISTRATOR = "administrator"  # root, targets, emergency and the organization's scope


@dataclass(frozen=True, slots=True)
class Members:
    """All rules of a workspace."""

    rules: Rules
    scopes: Mapping[str, ScopeRule]

    def rule(self, name: str) -> Rule:
        """That of a role or scope; raises `WorkspaceInvalid`."""
        if name in self.scopes:
            return self.scopes[name].rule
        if name in ROLES:
            return self.rules.roles[name]
        known = ", ".join([*ROLES, *self.scopes])
        raise WorkspaceInvalid(
            f"{name[:60]!r} is neither role nor scope", hint=f"known are {known}"
        )

    def with_rule(self, name: str, rule: Rule) -> "Members":
        """With another rule for that role or scope."""
        if name in self.scopes:
            changed = replace(self.scopes[name], rule=rule)
            return replace(self, scopes={**self.scopes, name: changed})
        self.rule(name)
        roles = {**self.rules.roles, name: rule}
        return replace(self, rules=replace(self.rules, roles=roles))

    def joined(self, key: str, names: Iterable[str]) -> "Members":
        """With the key among those that may sign for these roles and scopes."""
        members = self
        for name in self._roles(names):
            rule = members.rule(name)
            if key not in rule.keys:
                members = members.with_rule(name, replace(rule, keys=(*rule.keys, key)))
        return members

    def replaced(self, key: str, by: str | None) -> "Members":
        """With `by` (None: nobody) wherever the key may sign. Raises `WorkspaceInvalid` where too
        few would be left."""
        members = self
        for name in self.roles_of(key):
            rule = members.rule(name)
            others = [other for other in rule.keys if other not in (key, by)]
            keys = (*others, by) if by else tuple(others)
            if len(keys) < rule.threshold:
                raise WorkspaceInvalid(
                    f"{name}: {rule.threshold} must sign, but only {len(keys)} could without {key}",
                    hint=f"replace it by another: `key rotate {key} NEWNAME`",
                )
            members = members.with_rule(name, replace(rule, keys=keys))
        return members

    def roles_of(self, key: str) -> list[str]:
        """Every role and scope that the key may sign."""
        return [name for name in [*ROLES, *self.scopes] if key in self.rule(name).keys]

    def _roles(self, names: Iterable[str]) -> list[str]:
        found: list[str] = []
        for name in names:
            if name == ADMINISTRATOR:
                own = [self.rules.organization] if self.scopes else []
                found += ["root", "targets", "emergency", *own]
            else:
                found.append(name)
        return found
