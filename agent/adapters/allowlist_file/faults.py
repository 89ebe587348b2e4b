"""Says where a document leaves the published schema, in our own words; knows no meaning of it.

The decoder says only that a document is wrong: its wording and its places change between releases.
"""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, Final

from msgspec import inspect

from agent.adapters.allowlist_file import shape
from core.base_errors import InvalidAllowlist
from core.text import shortened

MANUAL: Final = "see docs/reference/allowlist.md"
_NAMES: Final = {
    bool: "a boolean",
    dict: "an object",
    float: "a number",
    int: "a number",
    list: "an array",
    str: "a string",
}


def first_fault(document: Any) -> InvalidAllowlist | None:
    """The first thing in a document, as `json.loads` gives it, that is not of the schema.

    The message begins with its JSON path; None when there is no such thing.
    """
    whole = inspect.type_info(shape.ListShape[shape.ApprovalShape])
    return next(_faults("$", document, whole), None)


def _faults(at: str, value: Any, kind: inspect.Type) -> Iterator[InvalidAllowlist]:
    match kind:
        case inspect.StructType():
            yield from _object(at, value, kind)
        case inspect.VarTupleType():
            yield from _array(at, value, kind)
        case inspect.UnionType():  # of one type and null
            if value is not None:
                yield from _faults(at, value, kind.types[0])
        case inspect.StrType():
            if not isinstance(value, str):
                yield _other(at, "a string", value)
            elif len(value) < (kind.min_length or 0):
                yield InvalidAllowlist(f"{at}: it is empty", hint=MANUAL)
        case inspect.IntType():
            yield from _integer(at, value, kind)
        case inspect.BoolType():
            if not isinstance(value, bool):
                yield _other(at, "true or false", value)
        case inspect.LiteralType() if type(value) is not int or value not in kind.values:
            allowed = " or ".join(map(repr, kind.values))
            yield InvalidAllowlist(f"{at}: it must be {allowed}", hint=MANUAL)


def _object(at: str, value: Any, kind: inspect.StructType) -> Iterator[InvalidAllowlist]:
    if not isinstance(value, dict):
        yield _other(at, "an object", value)
        return
    fields = {field.encode_name: field for field in kind.fields}
    for key, inner in value.items():
        if key in fields:
            yield from _faults(f"{at}.{key}", inner, fields[key].type)
        else:
            yield _unknown(at, key)
    for name, field in fields.items():
        if field.required and name not in value:
            yield InvalidAllowlist(f"{at}: the key {name!r} is missing", hint=MANUAL)


def _array(at: str, value: Any, kind: inspect.VarTupleType) -> Iterator[InvalidAllowlist]:
    if not isinstance(value, list):
        yield _other(at, "an array", value)
        return
    for n, item in enumerate(value):
        yield from _faults(f"{at}[{n}]", item, kind.item_type)
    if len(value) < (kind.min_length or 0):
        yield InvalidAllowlist(f"{at}: it is empty", hint=MANUAL)


def _integer(at: str, value: Any, kind: inspect.IntType) -> Iterator[InvalidAllowlist]:
    if isinstance(value, bool) or not isinstance(value, int):
        yield _other(at, "an integer", value)
    elif kind.ge is not None and value < kind.ge:
        yield InvalidAllowlist(f"{at}: it is less than {kind.ge}", hint=MANUAL)
    elif value > (shape.SEQUENCE_LIMIT if kind.le is None else kind.le):
        yield InvalidAllowlist(f"{at}: it is too large", hint=MANUAL)


def _other(at: str, wanted: str, value: Any) -> InvalidAllowlist:
    found = "null" if value is None else _NAMES[type(value)]
    return InvalidAllowlist(f"{at}: it must be {wanted}, not {found}", hint=MANUAL)


def _unknown(at: str, key: str) -> InvalidAllowlist:
    near = get_close_matches(key[:100], _all_keys(), n=1)
    hint = f"remove it, or write {near[0]}" if near else f"remove it, or {MANUAL}"
    return InvalidAllowlist(f"{at}: unknown key {shortened(key, 60)!r}", hint=hint)


def _all_keys() -> list[str]:
    shapes = (
        shape.ListShape,
        shape.LevelShape,
        shape.ConstraintsShape,
        shape.ApprovalShape,
        shape.DenyShape,
        shape.WaiverShape,
    )
    return sorted({name for kind in shapes for name in kind.__struct_encode_fields__})
