"""Says in our own words why a configured value is wrong; knows no key and imports no checker.

The kinds and limits are those that pydantic documents as stable; its sentences are not.
"""

from collections.abc import Mapping
from typing import Any, Final

_LIMITS: Final = {
    "greater_than": ("gt", "is not above"),
    "greater_than_equal": ("ge", "is less than"),
    "less_than": ("lt", "is not below"),
    "less_than_equal": ("le", "is more than"),
}
_WHOLE: Final = {
    "enum": "is none of the known words",
    "extra_forbidden": "is unknown",
    "finite_number": "is not finite",
    "literal_error": "is none of the known words",
    "missing": "is missing",
    "string_pattern_mismatch": "does not have the form it needs",
    "too_short": "is empty",
}
_BEGINNINGS: Final = (
    ("bool_", "is neither true nor false"),
    ("float_", "is no number"),
    ("int_", "is no whole number"),
    ("string_", "is no text"),
    ("dict_", "is no table"),
    ("model_", "is no table"),
    ("frozen_set_", "is no list"),
    ("list_", "is no list"),
    ("set_", "is no list"),
    ("tuple_", "is no list"),
)


def value_fault(kind: str, context: Mapping[str, Any]) -> str:
    """What is wrong, to follow "KEY = VALUE: ", for a pydantic error of this type and `ctx`."""
    if kind in _LIMITS:
        limit, words = _LIMITS[kind]
        return f"{words} {context[limit]:g}"
    if kind in _WHOLE:
        return _WHOLE[kind]
    found = (words for beginning, words in _BEGINNINGS if kind.startswith(beginning))
    return next(found, "is not what belongs there")
