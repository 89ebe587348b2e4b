"""Logs constant events with fields; knows the journal and standard error, nothing of the agent.

`log = get_logger(__name__)`, then `log.warning("container.killed", container=c, verdict=v)`.
Under systemd the fields go to the journal as `DOCKWARDEN_<NAME>`; elsewhere people read
`12:03:04 WARNING container.killed container=web verdict=unlisted`. Names and labels come from
the users who start containers: their control characters and line breaks are escaped, so no value
can pass for another line or field. The standard library's logging is not used (2 MiB).
"""

import os
import sys
import time
from collections.abc import Callable, Mapping
from enum import IntEnum

from agent.journald import Journal, field_name, is_stderr
from core.text import printable, shortened

_LONGEST_VALUE = 2048  # characters


class Level(IntEnum):
    """The journal's priorities (syslog(3)): the smaller, the more urgent."""

    CRITICAL = 2
    ERROR = 3
    WARNING = 4
    INFO = 6
    DEBUG = 7


Fields = Mapping[str, object]
Writer = Callable[[Level, str, str, Fields], None]  # level, logger's name, event, fields


class Logger:
    """Writes events of one module. Logging never raises and never waits long."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def debug(self, event: str, /, **fields: object) -> None:
        """Only for people who search a fault."""
        _emit(Level.DEBUG, self.name, event, fields)

    def info(self, event: str, /, **fields: object) -> None:
        """Worth knowing."""
        _emit(Level.INFO, self.name, event, fields)

    def warning(self, event: str, /, **fields: object) -> None:
        """A person should look, some day."""
        _emit(Level.WARNING, self.name, event, fields)

    def error(self, event: str, /, **fields: object) -> None:
        """Something was not done."""
        _emit(Level.ERROR, self.name, event, fields)

    def critical(self, event: str, /, **fields: object) -> None:
        """The agent itself is down."""
        _emit(Level.CRITICAL, self.name, event, fields)


def get_logger(name: str) -> Logger:
    """The logger of a module; `name` is its `__name__`."""
    return Logger(name)


def line(event: str, fields: Fields) -> str:
    """`event name=value …` on one line; a value that could be misread is quoted."""
    return " ".join([printable(event), *(f"{printable(k)}={_value(v)}" for k, v in fields.items())])


class StderrWriter:
    """Lines for people."""

    def __call__(self, level: Level, _logger: str, event: str, fields: Fields) -> None:
        """Write one line; a terminal or pipe that went away must not stop the agent."""
        if sys.stderr is None:  # closed before Python started
            return
        try:
            sys.stderr.write(f"{time.strftime('%H:%M:%S')} {level.name} {line(event, fields)}\n")
            sys.stderr.flush()
        except (OSError, ValueError):  # ValueError: the stream is closed
            return


class JournalWriter:
    """Entries with fields. While journald hangs, events are counted and dropped: waiting for it
    would stop the agent. Where nobody listens they go to standard error."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lost = 0

    def __call__(self, level: Level, logger: str, event: str, fields: Fields) -> None:
        """Send one entry, with the number of those lost before it."""
        entry = {field_name(f"DOCKWARDEN_{k}"): _text(v) for k, v in fields.items()} | {
            "MESSAGE": line(event, fields),
            "PRIORITY": str(int(level)),
            "SYSLOG_IDENTIFIER": "dockwarden",
            "DOCKWARDEN_EVENT": printable(event),
            "LOGGER": printable(logger),
        }
        if self._lost:
            entry["DOCKWARDEN_LOST"] = str(self._lost)
        try:
            self._journal.send(entry)
        except (FileNotFoundError, ConnectionRefusedError):
            StderrWriter()(level, logger, event, fields)
        except OSError:
            self._lost += 1
        else:
            self._lost = 0


def use(writer: Writer | None = None, *, level: Level | None = None) -> None:
    """Choose where the process's events go and from which level on; for its wiring and tests."""
    if writer is not None:
        _process.writer = writer
    if level is not None:
        _process.level = level


def _value(value: object) -> str:
    text = shortened(str(value), _LONGEST_VALUE)
    if text and text.isprintable() and not any(c in text for c in ' "\\='):
        return text
    return '"' + printable(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _text(value: object) -> str:
    return printable(shortened(str(value), _LONGEST_VALUE))


def _emit(level: Level, logger: str, event: str, fields: Fields) -> None:
    if level <= _process.level:
        _process.writer(level, logger, event, fields)


class _Process:
    """The process's one choice, made from its environment until `use` says otherwise."""

    __slots__ = ("level", "writer")

    def __init__(self) -> None:
        self.level = Level.INFO
        self.writer: Writer = StderrWriter()
        if is_stderr(os.environ.get("JOURNAL_STREAM", "")):
            self.writer = JournalWriter(Journal())


_process = _Process()
