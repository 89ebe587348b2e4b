"""The resolved configuration as people and programs read it, with origins; hides credentials."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from agent.config.layers import KeyPath
from agent.config.load import DEFAULT_ORIGIN, Loaded
from core.allowlist.allowlist import Exemption
from core.decision.verdict import Verdict

HIDDEN = "(hidden)"
_CHOSEN_ELSEWHERE = Verdict.APPROVED  # always allowed, so no key of the file


def as_tree(loaded: Loaded, *, origin: bool) -> dict[str, Any]:
    """Tables of keys; with `origin` each value is `{"value": …, "origin": …}`."""
    tree: dict[str, Any] = {}
    for path, value in _keys(loaded):
        at = tree
        for key in path[:-1]:
            at = at.setdefault(key, {})
        at[path[-1]] = {"value": value, "origin": _origin(loaded, path)} if origin else value
    enforcement = tree["enforcement"]
    enforcement["exemptions"] = [
        {**entry, "origin": source} if origin else entry for entry, source in _exemptions(loaded)
    ]
    return tree


def as_toml(loaded: Loaded, *, origin: bool) -> str:
    """A file that gives the same configuration; with `origin`, as comments."""
    lines: list[str] = []
    table: KeyPath = ()
    for path, value in _keys(loaded):
        if path[:-1] != table:
            table = path[:-1]
            lines += [""] * bool(lines) + [f"[{'.'.join(table)}]"]
        lines.append(_line(path[-1], value, _origin(loaded, path) if origin else ""))
    for entry, source in _exemptions(loaded):
        lines += ["", "[[enforcement.exemptions]]" + (f"  # {source}" if origin else "")]
        lines += [_line(key, value, "") for key, value in entry.items()]
    return "\n".join(lines) + "\n"


def _keys(loaded: Loaded) -> Iterator[tuple[KeyPath, Any]]:
    for section in fields(loaded.config):
        table = getattr(loaded.config, section.name)
        nested: list[tuple[KeyPath, Any]] = []
        for field in fields(table):
            path: KeyPath = (section.name, field.name)
            value = getattr(table, field.name)
            if is_dataclass(value):
                nested += [((*path, f.name), getattr(value, f.name)) for f in fields(value)]
            elif isinstance(value, Mapping):
                nested += [((*path, str(k)), v) for k, v in value.items() if k != _CHOSEN_ELSEWHERE]
            elif field.name != "exemptions":
                yield path, _plain(loaded, path, value)
        yield from ((path, _plain(loaded, path, value)) for path, value in nested)


def _plain(loaded: Loaded, path: KeyPath, value: Any) -> Any:
    if path in loaded.secret:
        return HIDDEN
    if isinstance(value, frozenset):
        return sorted(str(item) for item in value)
    return list(value) if isinstance(value, tuple) else value


def _exemptions(loaded: Loaded) -> Iterator[tuple[dict[str, Any], str]]:
    for number, entry in enumerate(loaded.config.enforcement.exemptions):
        path = ("enforcement", "exemptions", str(number))
        yield _entry(entry), _origin(loaded, path)


def _entry(exemption: Exemption) -> dict[str, Any]:
    return {
        "digest": str(exemption.digest),
        "reason": exemption.reason,
        "owner": exemption.owner,
        "expires": exemption.expires_at.isoformat(),
    }


def _origin(loaded: Loaded, path: KeyPath) -> str:
    return loaded.origins.get(path, DEFAULT_ORIGIN)


def _line(key: str, value: Any, origin: str) -> str:
    text = f"{key} = {_toml(value)}"
    return f"{text.ljust(48)}  # {origin}" if origin else text


def _toml(value: Any) -> str:
    # TOML's basic strings, numbers, flags and lists of strings are JSON's (toml.io, 1.0.0).
    return json.dumps(value, ensure_ascii=False)
