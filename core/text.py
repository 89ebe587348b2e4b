"""Makes foreign text and values safe to write down: an attacker chooses names and labels."""

import math
from collections.abc import Mapping
from typing import Any


def encodable(text: str) -> str:
    """The text with its lone surrogates written out (`\\ud800`), so that it is valid UTF-8.

    JSON may spell lone surrogates (RFC 8259, section 8.2) and the engine's answers do; most
    readers refuse them.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="backslashreplace").decode()
    return text


def printable(text: str) -> str:
    """One line that moves no cursor: control, format, line-breaking and unassigned characters
    and lone surrogates are written out (`\\n`, `\\x1b`, `\\u202e`)."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shortened(text: str, limit: int) -> str:
    """At most `limit` characters; a cut is shown by an ellipsis at the end."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def plain(value: Any) -> Any:
    """The same value in what every JSON reader takes: dicts with text keys, lists, clean text,
    finite numbers; anything else by its `str`."""
    if isinstance(value, str):
        return encodable(str(value))
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {encodable(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return encodable(str(value))
