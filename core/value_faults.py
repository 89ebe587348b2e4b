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
    "enum": "is not one of the known words",
    "extra_forbidden": "is unknown",
    "finite_number": "is not finite",
    "literal_error": "is not one of the known words",
    "missing": "is missing",
    "string_pattern_mismatch": "does not have the form it needs",
    "too_short": "is empty",
}
_BEGINNINGS: Final = (
    ("bool_", "is neither true nor false"),
    ("float_", "is not a number"),
    ("int_", "is not a whole number"),
    ("string_", "is not text"),
    ("dict_", "is not a table"),
    ("model_", "is not a table"),
    ("frozen_set_", "is not a list"),
    ("list_", "is not a list"),
    ("set_", "is not a list"),
    ("tuple_", "is not a list"),
)


def value_fault(kind: str, context: Mapping[str, Any]) -> str:
    """What is wrong, to follow "KEY = VALUE: ", for a pydantic error of this type and `ctx`."""
    if kind in _LIMITS:
        limit, words = _LIMITS[kind]
        return f"{words} {context[limit]:g}"
    if kind in _WHOLE:
        return _WHOLE[kind]
    found = (words for beginning, words in _BEGINNINGS if kind.startswith(beginning))
    return next(found, "is not a valid value")
