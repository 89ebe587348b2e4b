"""Says in which line of a broken TOML text the fault is; its words and places are ours.

Python's reader names the place only within a sentence that differs between its versions.
"""

import re
from typing import Final

# In order: what may hold brackets and line ends without meaning them, then those.
_TOKEN: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"""|\'\'\'.*?\'\'\'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|#[^\n]*|[\[{\]}\n]',
    re.DOTALL,
)


def toml_fault(text: str) -> str:
    """Where the first entry begins that cannot be read, as `line 3`; the text must be broken.

    An entry is a table's heading, or a key with its value, which may go on for many lines.
    """
    import tomllib  # only a broken file needs it here

    starts = _starts(text)
    good, bad = 0, len(starts)  # entries before `good` can be read; those before `bad` cannot
    while bad - good > 1:
        middle = (good + bad) // 2
        try:
            tomllib.loads(text[: starts[middle]])
        except (ValueError, RecursionError):
            bad = middle
        else:
            good = middle
    return f"line {text.count(chr(10), 0, starts[good]) + 1}"


def _starts(text: str) -> list[int]:
    """Where each entry begins; blank lines and comments go with the one before."""
    starts = [0]
    depth = 0
    for token in _TOKEN.finditer(text):
        if token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
        elif token[0] == "\n" and depth <= 0:
            begin = re.compile(r"\s*(?:#[^\n]*\s*)*").match(text, token.end())
            start = begin.end() if begin else token.end()
            if start < len(text) and start > starts[-1]:
                starts.append(start)
            depth = 0
    return starts
