"""Reads the bytes of an allowlist document into levels, or says what is wrong and where."""

import json
from dataclasses import dataclass
from itertools import pairwise

import msgspec
from msgspec.structs import asdict

from agent.adapters.allowlist_file import shape
from agent.adapters.allowlist_file.faults import MANUAL, first_fault
from agent.adapters.allowlist_file.repeated_keys import repeated_key
from core.allowlist.allowlist import Level
from core.allowlist.document import (
    approval_of,
    check_scope,
    constraints_of,
    deny_of,
    waiver_of,
)
from core.base_errors import InvalidAllowlist, InvalidFile
from core.json_scan import BOM, scan

_APPROVAL = msgspec.json.Decoder(shape.ApprovalShape)


@dataclass(frozen=True, slots=True)
class Document:
    """What an allowlist document says: its levels, top first, and what concerns it as a whole."""

    levels: tuple[Level, ...]
    sequence: int
    contact: str = ""


def parse(data: bytes) -> Document:
    """Read a document of the published schema, version 1; else `InvalidAllowlist`.

    Its message begins with the JSON path of what is wrong, or reports line and column.
    """
    try:
        whole = msgspec.json.decode(data, type=shape.ListShape[msgspec.Raw])
        levels = tuple(_level(f"$.levels[{n}]", level) for n, level in enumerate(whole.levels))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _refusal(data) from error
    if (repeated := repeated_key(data)) is not None:
        message = f"the key {repeated.key!r} appears twice in one object"
        fix = "remove one of them: readers differ in which one they use"
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


def _refusal(data: bytes) -> InvalidAllowlist:
    """What is wrong with a document that cannot be decoded, found again without the decoder."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        place = _line(data, error.start)
        return InvalidAllowlist(f"{place}: it is not UTF-8", hint="save the file as UTF-8")
    if text.startswith(BOM):
        fix = "save the file as UTF-8 without it"
        return InvalidAllowlist("line 1, column 1: there is a byte order mark", hint=fix)
    try:
        fault = first_fault(json.loads(text, parse_int=_integer))
    except (ValueError, RecursionError):
        fault = None
    return fault or _unreadable(text)


def _integer(digits: str) -> int:
    return int(digits[:30])  # out of range all the same; Python refuses some thousand digits


def _unreadable(text: str) -> InvalidAllowlist:
    try:
        node = scan(text)
    except InvalidFile as error:
        return InvalidAllowlist(error.message, hint="correct the JSON there")
    if node is None:
        return InvalidAllowlist("line 1, column 1: the file is empty", hint=MANUAL)
    message = "$: it contains what strict readers refuse, such as half of a surrogate pair"
    return InvalidAllowlist(message, hint="correct the escapes that begin with \\ud")


def _line(data: bytes, offset: int) -> str:
    line = data.count(b"\n", 0, offset) + 1
    column = offset - (data.rfind(b"\n", 0, offset) + 1) + 1
    return f"line {line}, column {column}"
