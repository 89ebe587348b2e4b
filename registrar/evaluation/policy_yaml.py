"""A scope's `policy.yaml`: bytes to an approval policy, each error with its line and key."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from types import UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints

import yaml

from core.base_errors import DockwardenError, InvalidDigest
from core.image.digest import Digest
from registrar.evaluation.approval_policy import ApprovalPolicy
from registrar.evaluation.check_values import Lift
from registrar.evaluation.severity_limit import SeverityLimit
from registrar.evidence.evidence_values import Severity

FORMAT: Final = 1
LIMIT: Final = 256 * 1024  # bytes
MOST_DAYS: Final = 36500
_MOST_ENGINES: Final = 20
_HINT: Final = "docs/reference/approval-policy.md lists every key"
_SEVERITIES: Final = {severity.name.lower(): severity for severity in Severity}
_DAY: Final = timedelta(days=1)


class PolicyInvalid(DockwardenError):
    """A policy file is wrong; the message names the file, the line and the key."""


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """What a file says. `lines` are the keys that it sets (`scanners.required`), by their line."""

    policy: ApprovalPolicy
    lines: Mapping[str, int]
    lifts: tuple[Lift, ...] = ()


@dataclass(frozen=True, slots=True)
class _Place:
    """A YAML node with the key that led to it."""

    file: str
    key: str
    node: yaml.Node

    @property
    def line(self) -> int:
        return int(self.node.start_mark.line) + 1

    def wrong(self, problem: str, hint: str = _HINT) -> PolicyInvalid:
        where = f"{self.file}, line {self.line}: {self.key}".removesuffix(": ")
        return PolicyInvalid(f"{where}: {problem}", hint=hint)

    def below(self, key: str, node: yaml.Node) -> "_Place":
        return _Place(self.file, f"{self.key}.{key}" if self.key else key, node)

    def table(self) -> dict[str, "_Place"]:
        """The values by their keys; each key once."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.wrong("it is not a table of keys")
        found: dict[str, _Place] = {}
        for key_node, node in self.node.value:
            key = str(key_node.value)[:80]
            here = self.below(key, key_node)
            if key in found:
                raise here.wrong(f"it is there already in line {found[key].line}", "keep one")
            found[key] = self.below(key, node)
        return found

    def known(self, names: tuple[str, ...]) -> dict[str, "_Place"]:
        """The table, if it has no other keys."""
        table = self.table()
        for key, place in table.items():
            if key not in names:
                near = get_close_matches(key, names, 1)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(names)}"
                raise place.wrong("this key is unknown", hint)
        return table

    def entries(self) -> list["_Place"]:
        """The entries of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.wrong("it is not a list", "write [a, b]")
        return [_Place(self.file, self.key, node) for node in self.node.value]

    def text(self) -> str:
        """A text that is not empty."""
        if isinstance(self.node, yaml.ScalarNode) and self.node.value.strip():
            return str(self.node.value)
        raise self.wrong("it is not a text")

    def number(self, least: int, most: int) -> int:
        """A whole number within limits."""
        value = self._scalar("int")
        if value.isdecimal() and len(value) <= 9 and least <= int(value) <= most:
            return int(value)
        raise self.wrong(f"it is not a whole number from {least} to {most}")

    def flag(self) -> bool:
        """True or false."""
        value = self._scalar("bool").lower()
        if value in ("true", "false"):
            return value == "true"
        raise self.wrong("it is neither true nor false")

    def _scalar(self, kind: str) -> str:
        tag = f"tag:yaml.org,2002:{kind}"
        is_one = isinstance(self.node, yaml.ScalarNode) and self.node.tag == tag
        return str(self.node.value) if is_one else ""


def read_policy(data: bytes, file: str) -> PolicyFile:
    """Raises `PolicyInvalid`."""
    root = _Place(file, "", _composed(data, file))
    sections = tuple(section.name for section in fields(ApprovalPolicy))
    table = root.known(("format", *sections, "waivers"))
    if "format" not in table or table["format"].number(0, MOST_DAYS) != FORMAT:
        raise root.wrong(f"format is not {FORMAT}", f"write format: {FORMAT}")
    lines: dict[str, int] = {}
    hints = get_type_hints(ApprovalPolicy)
    found = {name: _section(hints[name], table[name], lines) for name in sections if name in table}
    lifts: tuple[Lift, ...] = ()
    if "waivers" in table:
        lines["waivers"] = table["waivers"].line
        lifts = tuple(map(_waiver, table["waivers"].entries()))
    return PolicyFile(ApprovalPolicy(**found), lines, lifts)


def _composed(data: bytes, file: str) -> yaml.Node:
    if len(data) > LIMIT:
        raise PolicyInvalid(f"{file}: {len(data)} bytes, {LIMIT} at most", hint=_HINT)
    try:
        node = yaml.compose(data.decode(), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PolicyInvalid(f"{file}, line {line}: no YAML: {error.problem}", hint=_HINT) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise PolicyInvalid(f"{file}: no YAML: {error}", hint=_HINT) from error
    if node is None:
        raise PolicyInvalid(f"{file}: it is empty", hint=f"write format: {FORMAT}")
    return node


def _section(kind: type, place: _Place, lines: dict[str, int]) -> Any:
    hints = get_type_hints(kind)
    found = {}
    for name, value in place.known(tuple(hints)).items():
        lines[value.key] = value.line
        found[name] = _reader(hints[name])(value)
    return kind(**found)


def _reader(kind: Any) -> Callable[[_Place], Any]:
    """What reads a key of that type; `| None` says only that the key may be left out."""
    if isinstance(kind, UnionType):
        return _days if int in get_args(kind) else _reader(get_args(kind)[0])
    if get_origin(kind) is frozenset:
        return _digests if get_args(kind)[0] is Digest else _texts
    return {bool: _Place.flag, int: _engines}.get(kind, _limits)


def _days(place: _Place) -> int:
    return place.number(0, MOST_DAYS)


def _engines(place: _Place) -> int:
    return place.number(1, _MOST_ENGINES)


def _texts(place: _Place) -> frozenset[str]:
    return frozenset(entry.text() for entry in place.entries())


def _digests(place: _Place) -> frozenset[Digest]:
    found = set()
    for entry in place.entries():
        try:
            found.add(Digest.parse(entry.text()))
        except InvalidDigest as error:
            raise entry.wrong(error.message, error.hint) from error
    return frozenset(found)


def _limits(place: _Place) -> dict[Severity, SeverityLimit]:
    found = {}
    for name, value in place.known(tuple(_SEVERITIES)).items():
        table = value.known(("after_days", "only_fixable"))
        found[_SEVERITIES[name]] = SeverityLimit(
            _days(table["after_days"]) if "after_days" in table else 0,
            table["only_fixable"].flag() if "only_fixable" in table else False,
        )
    return found


def _waiver(place: _Place) -> Lift:
    table = place.known(("vulnerability", "package", "by", "reason", "until"))
    for name in ("vulnerability", "by", "reason", "until"):
        if name not in table:
            raise place.wrong(f"{name} is missing", "a waiver names who, why and until when")
    until = table["until"]
    try:
        last = date.fromisoformat(until.text())
        end = datetime(last.year, last.month, last.day, tzinfo=UTC) + _DAY
    except (ValueError, OverflowError) as error:
        raise until.wrong("it is not a day", "write 2027-06-30") from error
    return Lift(
        table["vulnerability"].text(),
        table["by"].text(),
        table["reason"].text(),
        table["package"].text() if "package" in table else "",
        end,
    )
