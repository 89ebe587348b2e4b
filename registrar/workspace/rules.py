"""Who may sign what, how many have to, and for how long it holds: TOML files and values."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from core.toml_fault import toml_fault
from registrar.registrar_errors import WorkspaceInvalid, wrong
from registrar.workspace.private_registry import PrivateRegistry, read_registry, registry_text

FORMAT: Final = 1
ROLES: Final = ("root", "targets", "emergency", "snapshot", "timestamp")
_LIFETIME = re.compile(r"([1-9][0-9]{0,4})([hd])")
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rule:
    """Names of the keys that may sign, how many distinct ones have to, and for how long a
    signature holds."""

    keys: tuple[str, ...]
    threshold: int
    lifetime: timedelta


@dataclass(frozen=True, slots=True)
class ScopeRule:
    """A scope's rule; whether who asks for an image may be the one who approves it."""

    rule: Rule
    requester_may_approve: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """`registrar.toml`: the organization, its roles by name, what new scopes start from, and the
    registry that images are copied to (None: administrators copy them by other means)."""

    organization: str
    roles: Mapping[str, Rule]
    scopes: ScopeRule
    registry: PrivateRegistry | None = None


def read_rules(path: Path) -> Rules:
    """Raises `WorkspaceInvalid` naming file and key, or `OSError`."""
    table = _table(path)
    _known(path.name, table, ("format", "organization", "registry", "scopes", *ROLES))
    if table.get("format") != FORMAT:
        raise wrong(f"{path.name}: format", "it is not 1", "use a dockwarden that knows it")
    organization = table.get("organization")
    if not isinstance(organization, str):
        raise wrong(f"{path.name}: organization", "it is missing", 'write "acme"')
    roles = {name: _rule(f"{path.name}: {name}", table.get(name)) for name in ROLES}
    scopes = _scope_rule(f"{path.name}: scopes", table.get("scopes"))
    registry = read_registry(f"{path.name}: registry", table.get("registry"))
    return Rules(organization, roles, scopes, registry)


def read_scope_rule(path: Path) -> ScopeRule:
    """`scope.toml`; raises as `read_rules`."""
    return _scope_rule(f"{path.parent.name}/{path.name}: scope", _table(path))


def write_rules(rules: Rules) -> bytes:
    """The inverse of `read_rules`."""
    text = f"format = {FORMAT}\norganization = {_text(rules.organization)}\n"
    if rules.registry is not None:
        text += f"\n[registry]\n{registry_text(rules.registry)}"
    for name in ROLES:
        text += f"\n[{name}]\n{_rule_text(rules.roles[name])}"
    return (text + f"\n[scopes]\n{_scope_text(rules.scopes)}").encode()


def write_scope_rule(rule: ScopeRule) -> bytes:
    """The inverse of `read_scope_rule`."""
    return _scope_text(rule).encode()


def lifetime_of(text: str, at: str) -> timedelta:
    """`24h` or `365d`; raises `WorkspaceInvalid`."""
    match = _LIFETIME.fullmatch(text)
    if match is None:
        raise wrong(at, f"{text[:40]!r} is not a time span", "write 24h or 365d")
    return int(match[1]) * (_HOUR if match[2] == "h" else _DAY)


def lifetime_text(lifetime: timedelta) -> str:
    """The inverse of `lifetime_of`."""
    whole = lifetime // _HOUR
    return f"{whole}h" if whole % 24 or whole == 24 else f"{whole // 24}d"


def _rule(at: str, table: Any) -> Rule:
    if not isinstance(table, Mapping):
        raise wrong(at, "the table is missing", f"write [{at.rpartition(' ')[2]}] and its keys")
    keys = table.get("keys", [])
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise wrong(f"{at}.keys", "it is not a list of names", 'write ["ann", "bob"]')
    if len(set(keys)) != len(keys):
        raise wrong(f"{at}.keys", "a name comes twice", "name each administrator once")
    threshold = table.get("threshold")
    if type(threshold) is not int or threshold < 1:
        raise wrong(f"{at}.threshold", "it is not a number from 1", "write how many must sign")
    valid = table.get("valid")
    if not isinstance(valid, str):
        raise wrong(f"{at}.valid", "it is missing", 'write "24h" or "365d"')
    return Rule(tuple(keys), threshold, lifetime_of(valid, f"{at}.valid"))


def _scope_rule(at: str, table: Any) -> ScopeRule:
    rule = _rule(at, table)
    _known(at, table, ("keys", "threshold", "valid", "requester_may_approve"))
    alone = table.get("requester_may_approve", False)
    if not isinstance(alone, bool):
        raise wrong(f"{at}.requester_may_approve", "it is neither true nor false", "write false")
    return ScopeRule(rule, alone)


def _table(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text)
    except FileNotFoundError as error:
        raise WorkspaceInvalid(
            f"{path}: there is no such file",
            hint=(
                "run this in a workspace that `dockwarden-registrar init` made, or give the "
                "workspace with -C"
            ),
        ) from error
    except UnicodeDecodeError as error:
        fix = "save the file as UTF-8"
        raise wrong(str(path), f"byte {error.start} is not UTF-8", fix) from error
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, integers too long to be read
        problem = f"no TOML at {toml_fault(text)}: {error}"
        raise wrong(str(path), problem, "correct that place") from error


def _known(at: str, table: Mapping[str, Any], names: Sequence[str]) -> None:
    for name in table:
        if name not in names:
            raise wrong(at, f"unknown key {name[:60]!r}", f"known are {', '.join(names)}")


def _rule_text(rule: Rule) -> str:
    keys = ", ".join(map(_text, rule.keys))
    valid = _text(lifetime_text(rule.lifetime))
    return f"keys = [{keys}]\nthreshold = {rule.threshold}\nvalid = {valid}\n"


def _scope_text(rule: ScopeRule) -> str:
    alone = str(rule.requester_may_approve).lower()
    return f"{_rule_text(rule.rule)}requester_may_approve = {alone}\n"


def _text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
