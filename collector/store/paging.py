"""Keyset pages: each names its last row's key, so that new rows shift nothing; knows no table."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from collector.model.page_values import Slice

T = TypeVar("T")
_MOST_TEXT = 2000


def sliced(
    rows: Sequence[Any], limit: int, key: Callable[[Any], str], value: Callable[[Any], T]
) -> Slice[T]:
    """Of `limit + 1` rows that were asked for, the first `limit`, and where to go on."""
    shown = rows[:limit]
    more = len(rows) > limit
    return Slice(tuple(map(value, shown)), key(shown[-1]) if more and shown else "")


def after_id(after: str) -> str | None:
    """The id in `Slice.after`; None for the first page and for what is not an id."""
    try:
        return str(UUID(after)) if after else None
    except ValueError:
        return None


def pack(*parts: str | int) -> str:
    """Several parts of a key as one text that fits an address."""
    return base64.urlsafe_b64encode(msgspec.json.encode(parts)).decode()


def unpack(after: str, *types: type) -> tuple[Any, ...] | None:
    """What `pack` made; None if this is something else."""
    try:
        raw = base64.urlsafe_b64decode(after[:_MOST_TEXT].encode())
        parts = msgspec.json.decode(raw, type=list[str | int])
    except (binascii.Error, UnicodeError, msgspec.DecodeError, ValueError):
        return None
    if len(parts) != len(types) or any(
        type(part) is not criteria for part, criteria in zip(parts, types, strict=True)
    ):
        return None
    if any(isinstance(part, str) and "\0" in part for part in parts):
        return None
    return tuple(parts)
