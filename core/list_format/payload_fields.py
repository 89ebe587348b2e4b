"""Decodes a payload document and takes its keys out one by one, naming the place of each error.

Knows JSON and types, not what any key means.
"""

import json
import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, Final, TypeVar, overload

from core.allowlist.document import stated_at, wrong_at
from core.base_errors import InvalidAllowlist
from core.list_format.payload import DOCUMENT_LIMIT, SEQUENCE_LIMIT

T = TypeVar("T")

_HEX64 = re.compile(r"[0-9a-f]{64}")
_MANUAL: Final = "see docs/internals/signed-allowlist.md"


def decoded(data: bytes, at: str, *, limit: int = DOCUMENT_LIMIT) -> dict[str, Any]:
    """A document's JSON object; `at` names it in errors. Duplicate keys are refused."""
    if len(data) > limit:
        raise wrong_at(at, f"{len(data)} bytes, {limit} at most", "publish again")
    try:
        # Decoded here, since json.loads would take UTF-16 and UTF-32 as well.
        found = json.loads(data.decode(), object_pairs_hook=lambda pairs: _object(at, pairs))
    except (ValueError, RecursionError) as error:
        raise wrong_at(at, f"no JSON: {error}", "publish again") from error
    if not isinstance(found, dict):
        raise wrong_at(at, "no JSON object", "publish again")
    return found


def _object(at: str, pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise wrong_at(at, "a key comes twice in one object", "publish again")
    return found


class Fields:
    """The keys of one JSON object at the place `at`; `done` refuses what nobody asked for.

    Without a default, a missing key is an error; what is left out is never written as null.
    """

    __slots__ = ("_asked", "_found", "at")

    def __init__(self, at: str, found: Any) -> None:
        if not isinstance(found, dict):
            raise wrong_at(at, "it is not an object", _MANUAL)
        self.at = at
        self._found: dict[str, Any] = found
        self._asked: list[str] = []

    def has(self, key: str) -> bool:
        """Whether the key is there; it counts as asked for."""
        self._asked.append(key)
        return key in self._found

    @overload
    def text(self, key: str) -> str: ...
    @overload
    def text(self, key: str, default: T) -> str | T: ...
    def text(self, key: str, default: Any = ...) -> Any:
        """A text that UTF-8 can hold."""
        value = self._take(key, default)
        if key in self._found:
            self._check_text(self._at(key), value)
        return value

    def optional(self, key: str) -> str | None:
        """A text, or None where it is left out."""
        return self.text(key, None)

    def stated(self, key: str) -> str:
        """A text that says something."""
        return stated_at(self._at(key), self.text(key))

    @overload
    def number(self, key: str) -> int: ...
    @overload
    def number(self, key: str, default: T) -> int | T: ...
    def number(self, key: str, default: Any = ...) -> Any:
        """A whole number from 0 to 2^53 - 1."""
        value = self._take(key, default)
        if key not in self._found:
            return value
        if type(value) is not int or not 0 <= value <= SEQUENCE_LIMIT:
            raise self._wrong(key, "it is not a whole number from 0 to 2^53 - 1")
        return value

    def flag(self, key: str) -> bool:
        """true or false; false where it is left out."""
        value = self._take(key, False)
        if type(value) is not bool:
            raise self._wrong(key, "it is neither true nor false")
        return value

    def hexadecimal(self, key: str) -> str:
        """A SHA-256: 64 lower-case hexadecimal digits."""
        value = self.text(key)
        if not _HEX64.fullmatch(value):
            raise self._wrong(key, "it is not 64 lower-case hexadecimal digits")
        return value

    def texts(self, key: str, *, required: bool = False) -> list[str]:
        """A list of texts; empty where it is left out."""
        values = self._list(key, required)
        for number, value in enumerate(values):
            if type(value) is not str or not value.isascii():
                self._check_text(f"{self._at(key)}[{number}]", value)
        return values

    def words(self, key: str) -> tuple[str, ...]:
        """A list of texts none of which is empty."""
        values = self.texts(key)
        if "" in values:
            raise wrong_at(f"{self._at(key)}[{values.index('')}]", "it is empty", "name it")
        return tuple(values)

    def items(self, key: str, *, required: bool = False) -> list["Fields"]:
        """A list of objects; empty where it is left out."""
        at = self._at(key)
        return [Fields(f"{at}[{n}]", item) for n, item in enumerate(self._list(key, required))]

    def inner(self, key: str) -> "Fields":
        """An object; an empty one where it is left out."""
        return Fields(self._at(key), self._take(key, {}))

    def done(self) -> None:
        """Raise for a key that was not asked for: what a reader ignores could change a verdict."""
        for key in self._found.keys() - set(self._asked):
            near = get_close_matches(key, self._asked, n=1)
            fix = f"remove it, or write {near[0]}" if near else f"remove it, or {_MANUAL}"
            raise wrong_at(self.at, f"unknown key {key[:100]!r}", fix)

    def _take(self, key: str, default: Any) -> Any:
        self._asked.append(key)
        value = self._found.get(key, default)
        if value is ...:
            raise wrong_at(self.at, f"the key {key!r} is missing", _MANUAL)
        return value

    def _list(self, key: str, required: bool) -> list[Any]:
        value = self._take(key, ... if required else [])
        if not isinstance(value, list):
            raise self._wrong(key, "it is not a list")
        return value

    def _check_text(self, at: str, value: Any) -> None:
        if not isinstance(value, str):
            raise wrong_at(at, "it is not text", _MANUAL)
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise wrong_at(at, "it holds half a character", "write it as UTF-8") from error

    def _at(self, key: str) -> str:
        return f"{self.at}.{key}"

    def _wrong(self, key: str, message: str) -> InvalidAllowlist:
        return wrong_at(self._at(key), message, _MANUAL)
