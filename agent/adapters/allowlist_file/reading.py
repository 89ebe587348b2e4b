"""Reads the bytes of an allowlist document into levels, or says what is wrong and where."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise
from typing import Final, TypeVar

import msgspec
from msgspec.structs import asdict

from agent.adapters.allowlist_file import shape
from agent.adapters.allowlist_file.repeated_keys import repeated_key
from agent.domain.allowlist import Level
from agent.domain.base_errors import InvalidAllowlist
from agent.domain.document import (
    approval_of,
    check_scope,
    constraints_of,
    deny_of,
    waiver_of,
)

T = TypeVar("T")

_APPROVAL = msgspec.json.Decoder(shape.ApprovalShape)
_PLACE = re.compile(r"(?P<what>.*) - at `(?P<at>[^`]*)`", re.DOTALL)
_BYTE = re.compile(r"(?P<what>.*) \(byte (?P<byte>[0-9]+)\)", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>.*)`", re.DOTALL)
_MANUAL: Final = "see docs/reference/allowlist.md"


@dataclass(frozen=True, slots=True)
class Document:
    """What an allowlist document says: its levels, top first, and what concerns it as a whole."""

    levels: tuple[Level, ...]
    sequence: int
    contact: str = ""


def parse(data: bytes) -> Document:
    """Read a document of the published schema, version 1; else `InvalidAllowlist`.

    Its message begins with the JSON path of what is wrong, or tells line and column.
    """
    whole = _decode(data, shape.ListShape[msgspec.Raw])
    try:
        levels = tuple(_level(f"$.levels[{n}]", level) for n, level in enumerate(whole.levels))
    except (msgspec.DecodeError, UnicodeDecodeError):
        _decode(data, shape.ListShape[shape.ApprovalShape])  # raises it again, placed in the whole
        raise
    if (repeated := repeated_key(data)) is not None:
        message = f"the key {repeated.key!r} appears twice in one object"
        fix = "remove one of them: readers differ in which they believe"
        raise InvalidAllowlist(f"{_line(data, repeated.offset)}: {message}", hint=fix)
    check_scope("$.levels[0].scope", levels[0].scope, None)
    for n, (above, level) in enumerate(pairwise(levels), start=1):
        check_scope(f"$.levels[{n}].scope", level.scope, above.scope)
    return Document(levels, whole.sequence, whole.contact)


def _level(at: str, level: shape.LevelShape[msgspec.Raw]) -> Level:
    denies, waivers = level.denies, level.waivers
    return Level(
        scope=level.scope,
        approvals=tuple(
            approval_of(f"{at}.approvals[{n}]", **asdict(_APPROVAL.decode(raw)))
            for n, raw in enumerate(level.approvals)
        ),
        denies=tuple(deny_of(f"{at}.denies[{n}]", **asdict(d)) for n, d in enumerate(denies)),
        waivers=tuple(waiver_of(f"{at}.waivers[{n}]", **asdict(w)) for n, w in enumerate(waivers)),
        constraints=constraints_of(f"{at}.constraints", **asdict(level.constraints)),
    )


def _decode(data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise _misshapen(str(error)) from error
    except msgspec.DecodeError as error:
        raise _malformed(data, str(error)) from error
    except UnicodeDecodeError as error:
        raise _misencoded(data) from error
    except RecursionError as error:
        raise InvalidAllowlist("it is nested too deeply", hint=_MANUAL) from error


def _misshapen(text: str) -> InvalidAllowlist:
    place = _PLACE.fullmatch(text)
    what, at = (place["what"], place["at"]) if place else (text, "$")
    hint = _MANUAL
    if unknown := _UNKNOWN.fullmatch(what):
        near = get_close_matches(unknown["key"], _all_keys(), n=1)
        hint = f"remove it, or write {near[0]}" if near else f"remove it, or {_MANUAL}"
    return InvalidAllowlist(f"{at}: {what}", hint=hint)


def _malformed(data: bytes, text: str) -> InvalidAllowlist:
    """msgspec tells no place where the text just ends (or a surrogate has no partner)."""
    found = _BYTE.fullmatch(text)
    what, offset = (found["what"], int(found["byte"])) if found else (text, len(data))
    return InvalidAllowlist(f"{_line(data, offset)}: {what}", hint="correct the JSON there")


def _misencoded(data: bytes) -> InvalidAllowlist:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        place = _line(data, error.start)
    else:
        place = "a text"  # an escape that only decodes to no text, if msgspec ever says so
    return InvalidAllowlist(f"{place}: it is not UTF-8", hint="save the file as UTF-8")


def _line(data: bytes, offset: int) -> str:
    line = data.count(b"\n", 0, offset) + 1
    column = offset - (data.rfind(b"\n", 0, offset) + 1) + 1
    return f"line {line}, column {column}"


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
