"""The sorts of text and numbers a key may hold; each refuses in words; knows no key."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import PurePosixPath
from typing import Annotated, Any, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, Strict
from pydantic_core import PydanticCustomError

from agent.config.config_values import FILE_SCHEME, FOLDER_SCHEME, WEB_SCHEMES
from agent.config.lockdown_config import LAYERS
from core.base_errors import InvalidDigest
from core.decision.verdict import EnforcementPoint
from core.image.digest import Digest

# sockaddr_un.sun_path holds 108 bytes with its final zero (unix(7)); `.new` is added to replace it.
LONGEST_SOCKET_PATH = 103
WRONG: Final = "dockwarden"  # the type of an error whose words are ours
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_WORD = r"[a-z0-9]+(?:[_-][a-z0-9]+)*"
_SCOPE = re.compile(rf"{_WORD}(?:\.{_WORD}){{0,3}}")  # as core.allowlist.document has it
_SERVICE = re.compile(
    rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{{1,5}})(?:/(?:tcp|udp))?"
)


def _wrong(problem: str) -> PydanticCustomError:
    return PydanticCustomError(WRONG, "{problem}", {"problem": problem})


def _absolute(text: str) -> str:
    if not text.startswith("/") or ".." in PurePosixPath(text).parts or not text.isprintable():
        raise _wrong("is not an absolute path")
    return text


def _source(text: str) -> str:
    if text.startswith(WEB_SCHEMES):
        return _repository(text)
    for scheme in (FILE_SCHEME, FOLDER_SCHEME):
        if text.startswith(f"{scheme}//"):
            raise _wrong("is not a path of a file or folder: one slash begins it")
        if text.startswith(scheme):
            return scheme + _absolute(text.removeprefix(scheme))
    raise _wrong("is not a known kind of source")


def _repository(text: str) -> str:
    parts = _web(text)
    if parts.query or parts.fragment:
        raise _wrong("has a query or a fragment, which an address of files cannot have")
    if parts.username or parts.password:
        raise _wrong("holds credentials, which do not belong here")
    return text.rstrip("/")


def _collector(text: str) -> str:
    if not text:
        return text
    if not text.startswith(WEB_SCHEMES):
        raise _wrong("is not an address of a web server")
    return _repository(text)


def _web(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError as error:
        raise _wrong("has no valid host or port") from error
    if not parts.hostname or not text.isascii() or not text.isprintable() or " " in text:
        raise _wrong("is not an address of a web server")
    return parts


def _scope(text: str) -> str:
    if text and not _SCOPE.fullmatch(text):
        raise _wrong("is not a scope")
    return text


def _digest(value: object) -> Digest:
    try:
        return Digest.parse(value if isinstance(value, str) else "")
    except InvalidDigest as error:
        raise _wrong("is not a content digest") from error


def _instant(value: object) -> datetime:
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(instant, datetime) and instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _wrong("is not a point in time") from error
    raise _wrong("is not a point in time with a time zone")


def _enforcement_point(value: object) -> EnforcementPoint:
    if value in ("create", "gate", "start"):
        return EnforcementPoint(value)
    raise _wrong("is not an enforcement point that can be switched")


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


def _mirror(text: str) -> str:
    """Engines take a mirror only at the root of a host (docs.docker.com, registry mirrors)."""
    if not text:
        return text
    parts = urlsplit(text)
    try:
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError as error:
        raise _wrong("has no valid port") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _wrong("is not an address of a registry")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise _wrong("has a path, which engines refuse in a mirror")
    if parts.username or parts.password:
        raise _wrong("holds credentials; use docker login")
    return text.rstrip("/")


def _service(text: str) -> str:
    match = _SERVICE.fullmatch(text)
    if match is None or not 0 < int(match["port"]) < 65536:
        raise _wrong("is not a host:port, host:port/tcp or host:port/udp")
    return text


def _name(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise _wrong("is not a host name")
    return text.lower()


def _layer(text: str) -> str:
    if text not in LAYERS:
        raise _wrong("is not a layer of the lockdown")
    return text


def _optional_url(text: str) -> str:
    if not text:
        return text
    parts = _web(text)
    if parts.scheme not in ("http", "https"):
        raise _wrong("begins with neither https:// nor http://")
    if parts.username or parts.password or parts.fragment:
        raise _wrong("holds credentials or a fragment; a token goes into token_file")
    return text


def _optional_address(text: str) -> str:
    return _service(text) if text else text


def _textfile(text: str) -> str:
    if text in ("auto", "off"):
        return text
    if not text.endswith(".prom"):  # node-exporter reads no others
        raise _wrong('is neither "auto" nor "off" nor a file named *.prom')
    return _absolute(text)


def _loopback(text: str) -> str:
    """What the agent does on a host is nobody else's business: loopback only."""
    if not text:
        return text
    host, _, port = text.rpartition(":")
    try:
        local = ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        local = False
    if not local or not port.isdecimal() or not int(port[:6]) < 65536:
        raise _wrong("is not a loopback address with a port")
    return text


Path = Annotated[str, AfterValidator(_absolute)]
Line = Annotated[str, AfterValidator(_line)]
ContentDigest = Annotated[Digest, BeforeValidator(_digest)]
Instant = Annotated[datetime, BeforeValidator(_instant)]
_POINT = Annotated[EnforcementPoint, BeforeValidator(_enforcement_point)]

# By the name that a kind in `agent.config.kinds` has.
CHECKS: Final[Mapping[str, Any]] = {
    "seconds": Annotated[float, Strict(), Field(gt=0, le=86400, allow_inf_nan=False)],
    "hold": Annotated[float, Strict(), Field(gt=0, le=300, allow_inf_nan=False)],
    "share": Annotated[float, Strict(), Field(gt=0, le=1, allow_inf_nan=False)],
    "part share": Annotated[float, Strict(), Field(gt=0, lt=1, allow_inf_nan=False)],
    "count": Annotated[int, Strict(), Field(ge=1, le=1_000_000)],
    "flag": Annotated[bool, Strict()],
    "path": Path,
    "optional path": Annotated[str, AfterValidator(lambda text: _absolute(text) if text else text)],
    "socket path": Annotated[str, AfterValidator(_socket)],
    "paths": tuple[Path, ...],
    "roots": Annotated[tuple[Path, ...], Field(min_length=1)],
    "enforcement points": Annotated[frozenset[_POINT], Field(min_length=1)],
    "text": Annotated[str, AfterValidator(_text)],
    "line": Line,
    "names": tuple[Annotated[str, AfterValidator(_name)], ...],
    "scope": Annotated[str, AfterValidator(_scope)],
    "list source": Annotated[str, AfterValidator(_source)],
    "collector": Annotated[str, AfterValidator(_collector)],
    "mirror": Annotated[str, AfterValidator(_mirror)],
    "optional url": Annotated[str, AfterValidator(_optional_url)],
    "optional address": Annotated[str, AfterValidator(_optional_address)],
    "loopback": Annotated[str, AfterValidator(_loopback)],
    "services": tuple[Annotated[str, AfterValidator(_service)], ...],
    "textfile": Annotated[str, AfterValidator(_textfile)],
    "layers": tuple[Annotated[str, AfterValidator(_layer)], ...],
}
