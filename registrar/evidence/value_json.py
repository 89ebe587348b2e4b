"""Frozen values as plain JSON documents and back, by their types; knows no value in particular.

What equals its default is left out, so that a later field changes no file that is there already.
"""

from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum, IntEnum
from functools import cache, lru_cache
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from core.base_errors import DockwardenError, InvalidDigest
from core.image.digest import Digest

Reader = Callable[[Any], Any]
_REQUIRED: Any = object()


class EvidenceInvalid(DockwardenError):
    """The evidence is not what its format demands; the message names the file and the place."""


class _Fault(Exception):
    """What is wrong; the readers around it add the path, innermost first."""

    def __init__(self, problem: str, *path: str) -> None:
        super().__init__(problem)
        self.problem, self.path = problem, list(path)


def document_of(value: Any) -> Any:
    """The value in what JSON knows; sets are sorted, instants are in UTC."""
    if isinstance(value, Digest):
        return str(value)
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, IntEnum):
        return value.name.lower()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, frozenset):
        return sorted(map(document_of, value))
    if isinstance(value, tuple):
        return [document_of(item) for item in value]
    if is_dataclass(value):
        return {
            field.name: document_of(item)
            for field in fields(value)
            if (item := getattr(value, field.name)) != _default(field)
        }
    return value


def value_of(kind: type, document: Any, at: str) -> Any:
    """The inverse of `document_of` for a dataclass; raises `EvidenceInvalid`."""
    try:
        return _reader(kind)(document)
    except _Fault as fault:
        raise wrong(at + "".join(reversed(fault.path)), fault.problem) from fault


def instant_text(instant: datetime) -> str:
    """`2027-05-22T08:00:00Z`."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


@cache
def _reader(kind: Any) -> Reader:
    if origin := get_origin(kind):
        return _composed(origin, get_args(kind))
    if is_dataclass(kind) and kind is not Digest:
        return _record(kind)
    if issubclass(kind, Enum):
        return _word(kind)
    return {Digest: _digest, datetime: _instant}.get(kind) or _plain(kind)


def _composed(origin: Any, parts: tuple[Any, ...]) -> Reader:
    if origin is UnionType:
        return _reader(parts[0])  # None is left out, never written
    item = _reader(parts[0])
    if origin is tuple and parts[-1] is not Ellipsis:
        return _listed(item, tuple, len(parts))
    return _listed(item, origin, None)


def _record(kind: Any) -> Reader:
    hints = get_type_hints(kind)
    readers = {field.name: _reader(hints[field.name]) for field in fields(kind)}
    required = [field.name for field in fields(kind) if _default(field) is _REQUIRED]

    def read(document: Any) -> Any:
        if type(document) is not dict:
            raise _Fault("it is not an object")
        found = {}
        for name, item in document.items():
            if name not in readers:
                raise _Fault(f"unknown key {name[:60]!r}")
            try:
                found[name] = readers[name](item)
            except _Fault as fault:
                fault.path.append(f".{name}")
                raise
        for name in required:
            if name not in found:
                raise _Fault("it is missing", f".{name}")
        return kind(**found)

    return read


def _listed(item: Reader, kind: Any, length: int | None) -> Reader:
    def read(document: Any) -> Any:
        if type(document) is not list or length not in (None, len(document)):
            raise _Fault("it is not a list of the right length")
        found: list[Any] = []
        try:
            for entry in document:
                found.append(item(entry))
        except _Fault as fault:
            fault.path.append(f"[{len(found)}]")
            raise
        return kind(found)

    return read


def _word(kind: type[Enum]) -> Reader:
    words = {document_of(member): member for member in kind}

    def read(document: Any) -> Any:
        if not isinstance(document, str) or document not in words:
            raise _Fault(f"it is none of {', '.join(words)}")
        return words[document]

    return read


def _plain(kind: type) -> Reader:
    def read(document: Any) -> Any:
        if type(document) is not kind:
            raise _Fault(f"it is not a {kind.__name__}")
        return document

    return read


def _digest(document: Any) -> Digest:
    try:
        return Digest.parse(document if isinstance(document, str) else "")
    except InvalidDigest as error:
        raise _Fault(error.message) from error


def _instant(document: Any) -> datetime:
    instant = _instant_of(document) if isinstance(document, str) else None
    if instant is None:
        raise _Fault("it is not an instant in UTC such as 2027-05-22T08:00:00Z")
    return instant


@lru_cache(maxsize=4096)
def _instant_of(text: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text)
        is_ours = instant.tzinfo is not None and instant_text(instant) == text
    except (ValueError, OverflowError):
        return None
    return instant if is_ours else None


def _default(field: Field[Any]) -> Any:
    if field.default is not MISSING:
        return field.default
    return _REQUIRED if field.default_factory is MISSING else field.default_factory()


def wrong(at: str, problem: str) -> EvidenceInvalid:
    """The one error of all readers of evidence."""
    return EvidenceInvalid(
        f"{at}: {problem}", hint="scan the image again; evidence is never edited"
    )
