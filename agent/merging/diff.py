"""Shows how a file's text differs, without the secrets that it may hold."""

import re

_CREDENTIALS = re.compile(r"(:(?:\\?/){2})[^/\s\"'@\\]+@")
# Only the end of a key is looked at: whatever is before it would be tried from every letter of
# it, which took minutes for one word of 20,000 letters.
_SECRET = re.compile(
    r"""(?ix) ( (?:token|secret|passw(?:or)?d|credential|api-?key|auth) ["']? \s*+ [:=] \s*+ )
        (?: "(?:[^"\\\n]|\\.)*+" | '[^'\n]*+' )"""
)


def masked(text: str) -> str:
    """The text with `user:password@` of URLs and values of secret-looking keys covered."""
    return _SECRET.sub(r'\1"***"', _CREDENTIALS.sub(r"\1***@", text))


def unified(path: str, before: bytes | None, after: bytes | None) -> str:
    """A unified diff with three lines of context; an absent file is /dev/null. Empty when equal."""
    import difflib  # rarely needed, and not small

    if before == after:
        return ""
    lines = difflib.unified_diff(
        _lines(before),
        _lines(after),
        "/dev/null" if before is None else path,
        "/dev/null" if after is None else path,
        lineterm="",
    )
    return "\n".join(lines) + "\n"


def _lines(data: bytes | None) -> list[str]:
    text = masked((data or b"").decode(errors="backslashreplace"))
    lines = text.split("\n")
    if lines[-1] == "":
        return lines[:-1]
    lines[-1] += "\n\\ No newline at end of file"
    return lines
