"""Reads JSON text and remembers the place of each part; strict (RFC 8259), knows no meaning.

Keys that occur twice are refused: readers disagree about which one counts.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from core.base_errors import InvalidFile
from core.text import printable, shortened

BOM = "\ufeff"
_DEEPEST = 100
_SPACE = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORDS = {"true": "boolean", "false": "boolean", "null": "null"}


@dataclass(frozen=True, slots=True)
class Node:
    """One value: `text[start:end]`; `kind` is object, array, string, number, boolean or null."""

    start: int
    end: int
    kind: str
    members: "tuple[Member, ...]" = ()


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an object; its key is at `text[start:key_end]`."""

    key: str
    start: int
    key_end: int
    value: Node

    @property
    def end(self) -> int:
        """Where its value ends."""
        return self.value.end


def decoded(data: bytes) -> str:
    """The text of a file in UTF-8, a byte order mark included. Raises `InvalidFile`."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        raise InvalidFile(
            f"line {line}, byte {column}: not UTF-8", hint="save the file in UTF-8"
        ) from error


def scan(text: str) -> Node | None:
    """The document's one value; None when there is nothing but white space.

    Raises `InvalidFile` with line and column (both from 1, in characters).
    """
    scanner = _Scanner(text)
    start = scanner.past_space(len(BOM) if text.startswith(BOM) else 0)
    if start == len(text):
        return None
    node = scanner.value(start, 0)
    end = scanner.past_space(node.end)
    if end < len(text):
        scanner.fail(end, "there is something behind the end of the document")
    return node


def loaded(text: str, node: Node) -> Any:
    """The value of a node in Python's terms; every number becomes a float."""
    return json.loads(text[node.start : node.end], parse_int=float, parse_float=float)


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text

    def past_space(self, at: int) -> int:
        """Where the white space that begins at `at` ends."""
        match = _SPACE.match(self._text, at)
        return match.end() if match else at

    def fail(self, at: int, words: str) -> NoReturn:
        """Name the place."""
        line = self._text.count("\n", 0, at) + 1
        column = at - (self._text.rfind("\n", 0, at) + 1) + 1
        raise InvalidFile(f"line {line}, column {column}: {words}", hint="correct the JSON by hand")

    def value(self, at: int, depth: int) -> Node:
        """The value that begins at `at`."""
        if depth > _DEEPEST:
            self.fail(at, f"nested more than {_DEEPEST} deep")
        match self._text[at : at + 1]:
            case "{":
                return self._object(at, depth)
            case "[":
                end = self._listed(at, "]", lambda place: self.value(place, depth + 1).end)
                return Node(at, end, "array")
            case '"':
                return Node(at, self._string(at), "string")
        for word, kind in _WORDS.items():
            if self._text.startswith(word, at):
                return Node(at, at + len(word), kind)
        number = _NUMBER.match(self._text, at)
        if number is None:
            self.fail(at, self._unexpected(at, "a value"))
        return Node(at, number.end(), "number")

    def _object(self, at: int, depth: int) -> Node:
        members: dict[str, Member] = {}

        def member(place: int) -> int:
            key_end = self._string(place)
            key = str(json.loads(self._text[place:key_end]))
            if key in members:
                self.fail(place, f"the key {shortened(printable(key), 60)!r} is here twice")
            colon = self.past_space(key_end)
            if self._text[colon : colon + 1] != ":":
                self.fail(colon, self._unexpected(colon, "a colon"))
            value = self.value(self.past_space(colon + 1), depth + 1)
            members[key] = Member(key, place, key_end, value)
            return value.end

        end = self._listed(at, "}", member)
        return Node(at, end, "object", tuple(members.values()))

    def _listed(self, at: int, closing: str, item: Callable[[int], int]) -> int:
        """Past a bracket, items between commas and the closing bracket."""
        place = self.past_space(at + 1)
        if self._text[place : place + 1] == closing:
            return place + 1
        while True:
            place = self.past_space(item(place))
            found = self._text[place : place + 1]
            if found == closing:
                return place + 1
            if found != ",":
                self.fail(place, self._unexpected(place, f"a comma or {closing}"))
            place = self.past_space(place + 1)

    def _string(self, at: int) -> int:
        match = _STRING.match(self._text, at)
        if match is None:
            self.fail(at, self._unexpected(at, "a string in double quotes"))
        return match.end()

    def _unexpected(self, at: int, wanted: str) -> str:
        found = self._text[at : at + 1]
        return f"{wanted} must be here, not {ascii(found) if found else 'the end of the file'}"
