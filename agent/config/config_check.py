"""Checks one layer by itself, so that each problem names its own place.

Structure first (unknown keys, tables where values belong), then values by the pydantic models.
"""

import tomllib
from collections.abc import Mapping
from typing import Any, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from agent.config.layers import KeyPath, Layer
from agent.config.model import Table, Tables, table_type
from agent.config.problems import unknown_key, wrong_value


def check_layer(layer: Layer) -> tuple[dict[str, Any], list[str]]:
    """The layer's tree with text values read, and everything that is wrong in it."""
    problems: list[str] = []
    tree = _walk(layer, Tables, layer.tree, (), problems)
    try:
        Tables.model_validate(tree)
    except ValidationError as error:
        problems += [wrong_value(layer, detail) for detail in error.errors(include_url=False)]
    return tree, problems


def _walk(
    layer: Layer,
    model: type[BaseModel],
    tree: Mapping[str, Any],
    path: KeyPath,
    problems: list[str],
) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, value in tree.items():
        here = (*path, key)
        info = model.model_fields.get(key)
        if info is None:
            problems.append(unknown_key(layer, model, here))
            continue
        inner, is_array = table_type(info)
        if inner is None:
            kept[key] = _read_text(info, value) if layer.is_text else value
        elif is_array:
            kept[key] = _array(layer, inner, value, here, problems)
        elif isinstance(value, Mapping):
            kept[key] = _walk(layer, inner, value, here, problems)
        else:
            problems.append(f"{layer.origin(here)}: {key} is a table; write [{'.'.join(here)}]")
    return kept


def _array(
    layer: Layer, inner: type[Table], value: Any, here: KeyPath, problems: list[str]
) -> list[dict[str, Any]]:
    name = ".".join(here)
    if layer.is_text:
        problems.append(f"{layer.origin(here)}: [[{name}]] belongs in a file; move it there")
    elif not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        problems.append(f"{layer.origin(here)}: {name} is a list of tables; write [[{name}]]")
    else:
        numbered = enumerate(value, start=1)
        return [_walk(layer, inner, item, (*here, f"#{n}"), problems) for n, item in numbered]
    return []


def _read_text(info: FieldInfo, text: Any) -> Any:
    """Numbers, flags and lists as TOML writes them, lists also as `create,gate`; else as it is."""
    if not isinstance(text, str):
        return text
    if get_origin(info.annotation) in (tuple, frozenset) and not text.lstrip().startswith("["):
        return [item.strip() for item in text.split(",")]
    if info.annotation not in (int, float, bool) and not text.lstrip().startswith("["):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text
