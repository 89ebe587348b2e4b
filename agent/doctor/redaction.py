"""Takes secrets out of text that leaves the host: those known here, and what looks like one.

Both, since a secret may be in a log line where nobody expects it, and an unknown one has only
its looks.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from agent.config.kinds import Secret, values
from agent.config.load import Loaded
from agent.config.show import HIDDEN

_SHORTEST = 6  # characters; a shorter one would hide half of the text
_LARGEST = 1 << 20
_LOOKS = (
    re.compile(r"(?<=://)[^/\s@\"']+(?=@)"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S),
    re.compile(r"(?i)(?<=bearer )[\w.~+/=-]{8,}"),
    re.compile(
        r"(?i)((?:pass(?:word|wd)?|secret|token|api[_-]?key|authorization)[\"']?\s*[=:]\s*)"
        r"(\"[^\"]+\"|'[^']+'|[^\s,;}\"']+)"
    ),
)


def redactor(loaded: Loaded | None) -> Callable[[str], str]:
    """Hides every secret of this configuration, and what looks like one, in a text."""
    known = sorted(set(_known(loaded)) if loaded else (), key=len, reverse=True)
    return lambda text: _redacted(text, known)


def _redacted(text: str, known: Iterable[str]) -> str:
    for secret in known:
        text = text.replace(secret, HIDDEN).replace(json.dumps(secret)[1:-1], HIDDEN)
    for pattern in _LOOKS[:3]:
        text = pattern.sub(HIDDEN, text)
    return _LOOKS[3].sub(_value_hidden, text)


def _value_hidden(match: re.Match[str]) -> str:
    """An empty or hidden value says that there is none, or that it was hidden already."""
    value = match[2]
    quote = value[0] if value[0] in "\"'" else ""
    return f"{match[1]}{quote}{HIDDEN}{quote}"


def _known(loaded: Loaded) -> Iterator[str]:
    texts: list[str] = []
    for kind, value in values(loaded.config):
        if value and kind.secret is not Secret.NOWHERE:
            texts += _IN[kind.secret](value)
    for path in loaded.secret:
        found: Any = loaded.config
        for key in path:
            found = getattr(found, key, "")
        texts.append(str(found))
    yield from (text for text in texts if len(text) >= _SHORTEST)


def _in_url(url: str) -> list[str]:
    parts = urlsplit(url)
    return [parts.password or "", parts.query, parts.path.strip("/")]


def _in_file(path: str) -> list[str]:
    """Its lines, and where it is JSON the texts in it."""
    try:
        content = Path(path).read_bytes()[:_LARGEST].decode(errors="replace")
    except OSError:
        return []
    found = [line.strip() for line in content.splitlines()]
    try:
        document = json.loads(content)
    except ValueError:
        return found
    if isinstance(document, dict):
        return [value for value in document.values() if isinstance(value, str)]
    return found


_IN: Mapping[Secret, Callable[[str], list[str]]] = {
    Secret.VALUE: lambda text: [text],
    Secret.URL: _in_url,
    Secret.FILE: _in_file,
}
