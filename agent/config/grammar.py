"""The sorts of text and numbers a key may hold; each refuses in words; knows no key."""

from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, Strict
from pydantic_core import PydanticCustomError

from agent.config.values import FILE_SCHEME
from agent.domain.digest import Digest
from agent.domain.errors import InvalidDigest
from agent.domain.verdict import Net

# sockaddr_un.sun_path holds 108 bytes with its final zero (unix(7)); `.new` is added to replace it.
LONGEST_SOCKET_PATH = 103


def _wrong(problem: str) -> PydanticCustomError:
    return PydanticCustomError("dockwarden", "{problem}", {"problem": problem})


def _absolute(text: str) -> str:
    if not text.startswith("/") or ".." in PurePosixPath(text).parts or not text.isprintable():
        raise _wrong("is no absolute path")
    return text


def _source(text: str) -> str:
    if not text.startswith(FILE_SCHEME):
        raise _wrong("is no known kind of source")
    return FILE_SCHEME + _absolute(text.removeprefix(FILE_SCHEME))


def _digest(value: object) -> Digest:
    try:
        return Digest.parse(value if isinstance(value, str) else "")
    except InvalidDigest as error:
        raise _wrong("is no content digest") from error


def _instant(value: object) -> datetime:
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(instant, datetime) and instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _wrong("is no point in time") from error
    raise _wrong("is no point in time with a time zone")


def _net(value: object) -> Net:
    if value in ("create", "gate", "start"):
        return Net(value)
    raise _wrong("is no net that can be switched")


def _text(text: str) -> str:
    if not text.isprintable():
        raise _wrong("holds line breaks or control characters")
    return text


def _line(text: str) -> str:
    if not text.strip():
        raise _wrong("is empty")
    return _text(text)


def _socket(text: str) -> str:
    if len(_absolute(text).encode()) > LONGEST_SOCKET_PATH:
        raise _wrong(f"is longer than the {LONGEST_SOCKET_PATH} bytes a socket's path may have")
    return text


Seconds = Annotated[float, Strict(), Field(gt=0, le=86400, allow_inf_nan=False)]
Hold = Annotated[float, Strict(), Field(gt=0, le=300, allow_inf_nan=False)]
Share = Annotated[float, Strict(), Field(gt=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Strict(), Field(ge=1, le=1_000_000)]
Flag = Annotated[bool, Strict()]
Path = Annotated[str, AfterValidator(_absolute)]
SocketPath = Annotated[str, AfterValidator(_socket)]
ListSource = Annotated[str, AfterValidator(_source)]
Line = Annotated[str, AfterValidator(_line)]
Text = Annotated[str, AfterValidator(_text)]
ContentDigest = Annotated[Digest, BeforeValidator(_digest)]
Instant = Annotated[datetime, BeforeValidator(_instant)]
Nets = Annotated[frozenset[Annotated[Net, BeforeValidator(_net)]], Field(min_length=1)]
Roots = Annotated[tuple[Path, ...], Field(min_length=1)]
