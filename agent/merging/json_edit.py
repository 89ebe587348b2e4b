"""Edits single values of a JSON text and leaves every other byte as it is; knows no meaning.

`insert` and `remove` undo each other, so a key that comes and goes leaves no trace in a file
that others edited meanwhile.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from core.base_errors import InvalidFile
from core.json_scan import Member, Node, loaded, scan
from core.text import printable, shortened

Path = Sequence[str]
_INDENT = "  "
_ONLY_SPACE = re.compile(r"[ \t\n\r]*")


def named(path: Path) -> str:
    """A path in words: `transports.docker.""`."""
    return ".".join(printable(key) if key else '""' for key in path)


def find(text: str, path: Path) -> Node | None:
    """The value at `path`; None when it is absent. Raises `InvalidFile`."""
    node = _root(text)
    for depth in range(len(path)):
        if node is None:
            return None
        if node.kind != "object":
            raise _no_object(path[:depth], node)
        member = _member(node, path[depth])
        node = member.value if member else None
    return node


def value(text: str, path: Path) -> Any:
    """The same in Python's terms; None when absent or null."""
    node = find(text, path)
    return None if node is None else loaded(text, node)


def raw(text: str, path: Path) -> str | None:
    """The same as it is written."""
    node = find(text, path)
    return None if node is None else text[node.start : node.end]


def put(text: str, path: Path, written: str) -> str:
    """The text with `written` (JSON) as the value at `path`; missing objects are made."""
    node = find(text, path)
    if node is not None:
        return text[: node.start] + written + text[node.end :]
    for key in reversed(path[_present(text, path) + 1 :]):
        written = f"{{{json.dumps(key)}: {written}}}"
    depth = _present(text, path)
    parent = find(text, path[:depth])
    if parent is None:
        newline = _newline(text)
        return f"{{{newline}{_INDENT}{json.dumps(path[0])}: {written}{newline}}}{newline}"
    return _insert(text, parent, path[depth], written)


def remove(text: str, path: Path) -> str:
    """The text without the member at `path`, if it is there."""
    parent = find(text, path[:-1])
    if parent is None or parent.kind != "object":
        return text
    members = parent.members
    for index, member in enumerate(members):
        if member.key != path[-1]:
            continue
        if index:
            return text[: members[index - 1].end] + text[member.end :]
        if len(members) > 1:
            return text[: member.start] + text[members[1].start :]
        return text[: parent.start + 1] + text[parent.end - 1 :]
    return text


def is_empty(text: str, path: Path = ()) -> bool:
    """Whether nothing is at `path`, or an object without members."""
    node = find(text, path)
    return node is None or (node.kind == "object" and not node.members)


def _root(text: str) -> Node | None:
    root = scan(text)
    if root is not None and root.kind != "object":
        raise _no_object((), root)
    return root


def _no_object(path: Path, node: Node) -> InvalidFile:
    what = shortened(named(path), 80) if path else "the document"
    return InvalidFile(f"{what} is of type {node.kind}; it must be an object", hint="correct it")


def _member(node: Node, key: str) -> Member | None:
    return next((member for member in node.members if member.key == key), None)


def _present(text: str, path: Path) -> int:
    """How many of the path's keys are there."""
    depth = 0
    while depth < len(path) and find(text, path[: depth + 1]) is not None:
        depth += 1
    return depth


def _insert(text: str, parent: Node, key: str, written: str) -> str:
    """As the last member, written the way the one before it is."""
    if not parent.members:
        return _insert_first(text, parent, f"{json.dumps(key)}: {written}")
    last = parent.members[-1]
    before = parent.members[-2].end if len(parent.members) > 1 else parent.start
    colon = text[last.key_end : last.value.start]
    gap = text[before : last.start].lstrip(" \t\r\n")[1:] or (" " if colon != ":" else "")
    member = f",{gap}{json.dumps(key)}{colon}{written}"
    return text[: last.end] + member + text[last.end :]


def _insert_first(text: str, parent: Node, member: str) -> str:
    newline = _newline(text)
    line = text[text.rfind("\n", 0, parent.start) + 1 : parent.start]
    space = _ONLY_SPACE.match(line.lstrip("\ufeff"))
    margin = space.group() if space else ""
    inside = f"{newline}{margin}{_INDENT}{member}{newline}{margin}"
    return text[: parent.start + 1] + inside + text[parent.end - 1 :]


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
