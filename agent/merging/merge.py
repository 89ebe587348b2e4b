"""Brings our part into somebody else's file, and takes it back; pure, byte-preserving.

A merge is a value that can be written down beside the backup, so that taking back needs neither
the configuration nor the agent's version that made it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.merging import json_edit
from core.base_errors import InvalidFile
from core.json_scan import decoded

BEGIN = "# >>> dockwarden: do not edit; `dockwarden restore` removes this block"
END = "# <<< dockwarden"


@dataclass(frozen=True, slots=True)
class Edit:
    """One key of a JSON file: what it has to be. A `value` of None: it must not be there.

    `neutral` is what undoes it in a running program that keeps the old value of an absent key;
    None where there is no such thing. With `keep`, whatever is there already is left.
    """

    path: tuple[str, ...]
    value: Any
    neutral: Any = None
    keep: bool = False


@dataclass(frozen=True, slots=True)
class Keys:
    """Some keys of a JSON file; all others are somebody else's."""

    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of ours at the end of a file whose comments begin with `#`, between two marks."""

    text: str


@dataclass(frozen=True, slots=True)
class Whole:
    """A file that is ours alone."""

    text: str


Merge = Keys | Block | Whole


def merged(merge: Merge, current: bytes | None) -> bytes:
    """What the file has to be, given what it is (None: absent). Raises `InvalidFile`."""
    match merge:
        case Keys(edits):
            text = decoded(current or b"")
            for edit in edits:
                text = _set(text, edit)
            return text.encode()
        case Block(text):
            rest = _without_block(decoded(current or b""))
            begin = "" if not rest or rest.endswith("\n") else "\n"
            return f"{rest}{begin}{BEGIN}\n{text}{END}\n".encode()
        case Whole(text):
            return text.encode()


def taken_back(merge: Merge, current: bytes, original: bytes | None) -> bytes | None:
    """The file with our part as it was in `original`, and everything else as it is.

    None: it has to be absent, since it was and holds nothing else. A key that somebody has set
    to another value than ours is theirs now and stays. Raises `InvalidFile`.
    """
    match merge:
        case Keys(edits):
            text, before = decoded(current), decoded(original or b"")
            for edit in edits:
                text = _unset(text, edit, before)
            gone = original is None and json_edit.is_empty(text)
            return None if gone else text.encode()
        case Block():
            rest = _without_block(decoded(current))
            return None if original is None and not rest else rest.encode()
        case Whole():
            return original


def neutralized(merge: Merge, restored: bytes | None) -> bytes | None:
    """What a running program has to read once before `restored`, so that it forgets our values;
    None: nothing. Raises `InvalidFile`."""
    if not isinstance(merge, Keys):
        return None
    text = before = decoded(restored or b"")
    for edit in merge.edits:
        if edit.neutral is not None and json_edit.value(before, edit.path) is None:
            text = json_edit.put(text, edit.path, json.dumps(edit.neutral))
    return None if text == before else text.encode()


def combined(old: Merge, new: Merge) -> Merge:
    """What taking back has to know after `new` was merged into what `old` had made."""
    if not (isinstance(old, Keys) and isinstance(new, Keys)):
        return new
    paths = {edit.path for edit in new.edits}
    return Keys((*new.edits, *(edit for edit in old.edits if edit.path not in paths)))


def to_record(merge: Merge) -> dict[str, Any]:
    """As plain JSON, for `from_record`."""
    match merge:
        case Keys(edits):
            keys = [[list(e.path), e.value, e.neutral, e.keep] for e in edits]
            return {"kind": "keys", "keys": keys}
        case Block(text):
            return {"kind": "block", "text": text}
        case Whole(text):
            return {"kind": "whole", "text": text}


def from_record(record: Mapping[str, Any]) -> Merge:
    """What `to_record` made. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
    match record["kind"]:
        case "keys":
            return Keys(tuple(Edit(tuple(p), v, n, k) for p, v, n, k in record["keys"]))
        case "block":
            return Block(str(record["text"]))
        case "whole":
            return Whole(str(record["text"]))
        case other:
            raise ValueError(f"unknown kind of merge: {other!r}")


def _set(text: str, edit: Edit) -> str:
    node = json_edit.find(text, edit.path)
    if edit.value is None:
        return json_edit.remove(text, edit.path)
    if node is not None and node.kind != "null":
        found = json_edit.value(text, edit.path)
        if edit.keep or found == edit.value:
            return text
        _check_type(edit, found)
    return json_edit.put(text, edit.path, json.dumps(edit.value))


def _unset(text: str, edit: Edit, before: str) -> str:
    if not _is_ours(text, edit):
        return text
    was = json_edit.raw(before, edit.path)
    if was is not None:
        return json_edit.put(text, edit.path, was)
    text = json_edit.remove(text, edit.path)
    for depth in range(len(edit.path) - 1, 0, -1):
        path = edit.path[:depth]
        if json_edit.find(before, path) is not None or not json_edit.is_empty(text, path):
            break
        text = json_edit.remove(text, path)
    return text


def _is_ours(text: str, edit: Edit) -> bool:
    """Whether the key is still as the edit, or what undoes it in a running program, made it."""
    found = json_edit.value(text, edit.path)
    if edit.value is None:
        return found is None or found == edit.neutral
    is_there = json_edit.find(text, edit.path) is not None
    return is_there and found in (edit.value, edit.neutral)


def _check_type(edit: Edit, found: Any) -> None:
    """A value of another type than ours is a mistake somewhere, and not ours to overwrite."""
    wanted, actual = _type(edit.value), _type(found)
    one_is_empty = [] in (edit.value, found) and isinstance(found, type(edit.value))
    if actual != wanted and not one_is_empty:
        raise InvalidFile(
            f"{json_edit.named(edit.path)} is {actual}; it must be {wanted}",
            hint="correct it by hand: the program that reads the file would refuse it",
        )


def _type(value: Any) -> str:
    match value:
        case bool():
            return "true or false"
        case str():
            return "a string"
        case float() | int():
            return "a number"
        case []:
            return "an empty list"
        case list() if all(isinstance(item, str) for item in value):
            return "a list of strings"
        case list() if all(isinstance(item, dict) for item in value):
            return "a list of objects"
        case list():
            return "a list of mixed types"
        case _:
            return "an object"


def _without_block(text: str) -> str:
    """The text without our block."""
    begin = text.find(BEGIN)
    if begin < 0:
        return text
    if begin and text[begin - 1] != "\n":
        raise InvalidFile(f"the mark {BEGIN!r} does not begin a line", hint="remove the block")
    end = text.find(END, begin)
    if end < 0:
        raise InvalidFile(
            f"the mark {END!r} is missing", hint="remove our block, from its first mark on"
        )
    after = end + len(END)
    after += 1 if text[after : after + 1] == "\n" else 0
    return text[:begin] + text[after:]
