"""Finds a key that one JSON object holds twice; knows nothing of what the document is about."""

import json
import re
from dataclasses import dataclass

# In well-formed JSON: a string with the colon that makes it a key, or a bracket.
_TOKEN = re.compile(rb'"(?P<string>[^"\\]*+(?:\\.[^"\\]*+)*+)"(?P<colon>\s*:)?|[{}]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Repeated:
    """A key and the byte offset of its second appearance."""

    key: str
    offset: int


def repeated_key(data: bytes) -> Repeated | None:
    """The first key that appears twice in its object; the bytes must be well-formed JSON."""
    outer: list[set[str]] = []
    keys: set[str] = set()
    for token in _TOKEN.finditer(data):
        if token["string"] is None:
            if token[0] == b"{":
                outer.append(keys)
                keys = set()
            else:
                keys = outer.pop()
        elif token["colon"] is not None:
            key = _text(token["string"])
            if key in keys:
                return Repeated(key, token.start())
            keys.add(key)
    return None


def _text(string: bytes) -> str:
    if b"\\" not in string:
        return string.decode()
    text: str = json.loads(b'"' + string + b'"')
    return text
