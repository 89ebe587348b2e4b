"""The kinds of value that a key may hold, by name; the daemon imports it, so it checks nothing.

`agent.config.grammar` holds the check for each kind; only processes that read files import that.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from enum import StrEnum
from typing import Annotated, Any, get_args, get_type_hints

from core.decision.verdict import EnforcementPoint

_WRITE = "write"
_PATH = "an absolute path"
_OPTIONAL_PATH = "an absolute path, or empty"


class Secret(StrEnum):
    """Where a value of this kind holds something that must not leave the host."""

    NOWHERE = ""
    VALUE = "value"  # it is one
    URL = "url"  # its password, query and path may be
    FILE = "file"  # the file that it names contains one


@dataclass(frozen=True, slots=True)
class Kind:
    """What a key may hold. `check` names the check in `agent.config.grammar`, and `write`
    completes "write …" in an error."""

    check: str
    write: str
    secret: Secret = Secret.NOWHERE


def key(default: Any, write: str) -> Any:
    """A key's default, with a better hint than that of its kind."""
    return field(default=default, metadata={_WRITE: write})


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table: its Python type, and what is said about it."""

    name: str
    annotation: Any
    kind: Kind | None
    default: Any
    write: str


def keys(table: type) -> Iterator[Key]:
    """All keys of a table that is a dataclass; a type without a kind is checked as it is."""
    hints = get_type_hints(table, include_extras=True)
    for entry in fields(table):
        annotation = hints[entry.name]
        kind = next((item for item in get_args(annotation) if isinstance(item, Kind)), None)
        write = entry.metadata.get(_WRITE, kind.write if kind else _choices(annotation))
        yield Key(entry.name, annotation, kind, entry.default, write)


def values(table: Any) -> Iterator[tuple[Kind, Any]]:
    """The values of all keys in this table and those below, each with its kind if it has one."""
    for entry in keys(type(table)):
        value = getattr(table, entry.name)
        if is_dataclass(value):
            yield from values(value)
        elif entry.kind is not None:
            yield entry.kind, value


def _choices(annotation: Any) -> str:
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return f"one of {', '.join(annotation)}"
    return ""


# Numbers and flags
Seconds = Annotated[float, Kind("seconds", "seconds above 0, at most 86400")]
Hold = Annotated[float, Kind("hold", "seconds above 0, at most 300")]
Share = Annotated[float, Kind("share", "a share above 0, at most 1")]
PartShare = Annotated[float, Kind("part share", "a share above 0 and below 1")]
Count = Annotated[int, Kind("count", "a whole number from 1")]
Flag = Annotated[bool, Kind("flag", "true or false")]

# Paths
Path = Annotated[str, Kind("path", _PATH)]
OptionalPath = Annotated[str, Kind("optional path", _OPTIONAL_PATH)]
SocketPath = Annotated[str, Kind("socket path", _PATH)]
SecretFile = Annotated[str, Kind("path", _PATH, Secret.FILE)]
OptionalSecretFile = Annotated[str, Kind("optional path", _OPTIONAL_PATH, Secret.FILE)]
Paths = Annotated[tuple[str, ...], Kind("paths", "a list of absolute paths")]
EnforcementPoints = Annotated[
    frozenset[EnforcementPoint],
    Kind("enforcement points", 'a list of "create", "gate", "start" (at least one)'),
]
Roots = Annotated[tuple[str, ...], Kind("roots", 'a list of cgroup subtrees, such as ["/"]')]

# Text
Text = Annotated[str, Kind("text", "text in quotes")]
SecretText = Annotated[str, Kind("text", "a secret in quotes", Secret.VALUE)]
Line = Annotated[str, Kind("line", "a line in quotes")]
Names = Annotated[tuple[str, ...], Kind("names", "a list of host names")]
Scope = Annotated[str, Kind("scope", 'a scope such as "acme.pay.web" (one to four names)')]

# Addresses
ListSource = Annotated[
    str,
    Kind(
        "list source",
        '"https://…" or "folder:/…" (a signed repository), or "file:/…" (one unsigned file)',
    ),
]
CollectorUrl = Annotated[
    str,
    Kind(
        "collector",
        'the collector\'s root, such as "https://collector.acme.test"',
        Secret.URL,
    ),
]
Mirror = Annotated[
    str,
    Kind("mirror", 'the private registry\'s root, such as "https://images.acme.test"', Secret.URL),
]
OptionalUrl = Annotated[
    str,
    Kind(
        "optional url", 'an address such as "https://logs.acme.test/v1/logs", or empty', Secret.URL
    ),
]
OptionalAddress = Annotated[
    str, Kind("optional address", '"host:port", such as "logs.acme.test:6514", or empty')
]
Loopback = Annotated[str, Kind("loopback", 'a loopback address such as "127.0.0.1:9763", or empty')]
Services = Annotated[
    tuple[str, ...], Kind("services", 'a list of services such as "ntp.acme.test:123/udp"')
]
Textfile = Annotated[
    str, Kind("textfile", '"auto", "off", or the absolute path of a file named *.prom')
]
Layers = Annotated[tuple[str, ...], Kind("layers", 'a list of "daemon.json", "files", "firewall"')]
