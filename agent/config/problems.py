"""Words for what is wrong in a layer: place, table, key, value, what to write instead."""

import difflib
from enum import Enum
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from agent.config.grammar import WRONG
from agent.config.layers import KeyPath, Layer, Source
from agent.config.model import Tables, known_keys, table_type
from core.value_faults import value_fault

_ALWAYS = {
    ("enforcement", "actions", "approved"): "approved images are always allowed; remove the key"
}
_SHOWN = 60  # characters of a wrong value or key


def unknown_key(layer: Layer, model: type[BaseModel], path: KeyPath) -> str:
    """A key that its table does not have, and which was probably meant."""
    where = f"{layer.origin(path)}: {_spot(path)} is unknown"
    if path in _ALWAYS:
        return f"{layer.origin(path)}: {_spot(path)}: {_ALWAYS[path]}"
    for home, _ in known_keys():
        if path[-1] in (home[-1], "_".join(home)):
            return f"{where}; did you mean {_wanted(layer, home)}?"
    close = difflib.get_close_matches(path[-1], model.model_fields, n=1)
    if close:
        return f"{where}; did you mean {close[0]}?"
    return f"{where}; known here: {', '.join(sorted(model.model_fields))}"


def _wanted(layer: Layer, path: KeyPath) -> str:
    return layer.origin(path) if layer.is_text else _spot(path)


def _spot(path: KeyPath) -> str:
    """A key as it is written in TOML: its table in brackets, then its name."""
    *table, key = (shown_key(part) for part in path)
    if table and table[-1].startswith("#"):
        return f"[[{'.'.join(table[:-1])}]] {table[-1]} {key}"
    return f"[{'.'.join(table)}] {key}" if table else key


def wrong_value(layer: Layer, detail: ErrorDetails) -> str:
    """What pydantic found, with the place, the value and what to write instead."""
    path, index, info = _locate(detail["loc"])
    where = f"{layer.origin(path)}: {_spot(path)}"
    write = f"; write {info.description}" if info is not None and info.description else ""
    if detail["type"] == "missing":
        return f"{where} is missing{write}"
    value = shown(detail["input"], hide=layer.source is Source.CREDENTIAL)
    item = f" (item {index + 1})" if index is not None else ""
    context = detail.get("ctx") or {}
    if detail["type"] == WRONG:
        problem = context["problem"]
    else:
        problem = value_fault(detail["type"], context)
    if info is not None and detail["type"] in ("enum", "literal_error"):
        write += _nearest_word(detail["input"], _words(info.annotation))
    return f"{where} = {value}{item}: {problem}{write}"


def _words(annotation: Any) -> list[str]:
    """The words that a value of this type, or an item of it, may be."""
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return [str(member.value) for member in annotation]
    if isinstance(annotation, str):
        return [annotation]
    return [word for part in get_args(annotation) for word in _words(part)]


def _nearest_word(value: Any, words: list[str]) -> str:
    close = difflib.get_close_matches(value, words, n=1) if isinstance(value, str) else []
    return f'; did you mean "{close[0]}"?' if close else ""


def _locate(loc: tuple[int | str, ...]) -> tuple[KeyPath, int | None, FieldInfo | None]:
    """The key an error is about, the item within it if it holds a list, and its field."""
    path: KeyPath = ()
    model: type[BaseModel] | None = Tables
    info: FieldInfo | None = None
    for part in loc:
        if isinstance(part, int):
            if model is None:
                return path, part, info
            path = (*path, f"#{part + 1}")
        elif model is not None:
            path, info = (*path, part), model.model_fields.get(part)
            model = table_type(info)[0] if info is not None else None
    return path, None, info


def shown(value: Any, *, hide: bool = False) -> str:
    """A wrong value as far as it helps; never a credential's."""
    if hide:
        return "(hidden)"
    if isinstance(value, int) and value.bit_length() > 200:
        return "a huge number"  # too long for repr, sys.set_int_max_str_digits
    if isinstance(value, list | tuple | dict):
        return f"a {'table' if isinstance(value, dict) else 'list'} of {len(value)}"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    text = text if text.isprintable() else repr(value)
    text = text.lower() if isinstance(value, bool) else text
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def shown_key(key: str) -> str:
    """A key as it can be printed."""
    text = key if key.isprintable() else repr(key)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
