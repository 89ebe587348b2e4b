"""The engine's event stream as domain events; knows nothing of what they will lead to.

What may be believed of an event (read in moby's source, seen on 20.10, 26.1 and 28.5): `type`,
`action`, `actor` and `time_ns` are the engine's own. A container's labels are merged into its
attributes, but the engine writes `name` and `image` after them; only a container created without
an image lets a label `image` through. An image's event has no `image` of its own: there a label
would speak, so it is left empty here. All other attributes (`exitCode`, `signal`) can be forged
by a label and are not read at all. No verdict may rest on `image` or `name`.
"""

import calendar
import json
import threading
import time
from collections.abc import Iterator, Sequence
from urllib.parse import quote

import msgspec

from agent.adapters.docker_engine.stream import LineSplitter, Response, broken
from agent.errors import EngineUnavailable
from agent.ports import STREAM, EngineEvent, StreamNote

FILTERS = {
    "type": ["container", "image", "daemon"],
    "event": [
        *("create", "start", "restart", "pause", "unpause", "rename", "die", "destroy", "oom"),
        *("exec_create", "exec_start"),
        *("pull", "tag", "untag", "delete", "load", "import"),
        "reload",
    ],
}
_QUERY = "filters=" + quote(json.dumps(FILTERS, separators=(",", ":")), safe="")


class _Attributes(msgspec.Struct):
    image: str = ""
    name: str = ""


class _Actor(msgspec.Struct):
    id: str = msgspec.field(name="ID", default="")
    attributes: _Attributes | None = msgspec.field(name="Attributes", default=None)


class _Message(msgspec.Struct):
    type: str = msgspec.field(name="Type")
    action: str = msgspec.field(name="Action")
    actor: _Actor = msgspec.field(name="Actor")
    time_ns: int = msgspec.field(name="timeNano")


_decode = msgspec.json.Decoder(_Message).decode
_NO_ATTRIBUTES = _Attributes()


def parse(line: bytes) -> EngineEvent:
    """One line of the stream; raises `EngineUnavailable` for what is not an event."""
    try:
        message = _decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise broken(f"{line[:80]!r} is not an event ({error})") from error
    attributes = message.actor.attributes or _NO_ATTRIBUTES
    return EngineEvent(
        message.type,
        message.action.partition(":")[0].rstrip(),
        message.actor.id,
        message.time_ns,
        attributes.image if message.type == "container" else "",
        attributes.name,
    )


class DockerEvents:
    """`ports.EventStream` over the engine's unix socket.

    `timeout` (seconds) bounds the connection and the wait for its first answer. An engine that is
    stopped by a signal later sends nothing and closes nothing: code that finds that it does not
    answer calls `close`, which ends the running `batches`, if any; a new one may follow.
    """

    def __init__(self, socket_path: str, *, timeout: float = 10.0) -> None:
        self._path = socket_path
        self._timeout = timeout
        self._running: Response | None = None
        self._lock = threading.Lock()
        self.unreadable = 0  # events that could not be read, since construction

    def batches(self, since_ns: int | None) -> Iterator[Sequence[EngineEvent]]:
        """See `ports.EventStream`. With `since_ns=None` up to a second before now is replayed.

        The engine sends its head before it subscribes (moby, `getEvents`), so a stream without
        `since` can lose what happens in between; one with it cannot.
        """
        proven = since_ns is None or self._remembers(since_ns - 1)
        start = self._engine_second() if since_ns is None else max(since_ns, 1)
        stream = self._open(f"/events?since={_seconds(start)}&{_QUERY}")
        with self._lock:
            self._running = stream
        try:
            yield ()
            if not proven:
                yield (EngineEvent(STREAM, StreamNote.GAP, "", start - 1),)
            yield from self._read(stream, start - 1)
        finally:
            with self._lock:
                self._running = None
            stream.close()

    def close(self) -> None:
        """See `ports.EventStream`."""
        with self._lock:
            if self._running:
                self._running.abort()

    def _read(self, stream: Response, last_ns: int) -> Iterator[Sequence[EngineEvent]]:
        splitter = LineSplitter()
        for content in stream.body():
            events = []
            for line in splitter.feed(content):
                try:
                    event = parse(line)
                    last_ns = event.time_ns
                except EngineUnavailable:
                    self.unreadable += 1
                    start = line[:200].decode("utf-8", "replace")
                    event = EngineEvent(STREAM, StreamNote.UNREADABLE, "", last_ns, name=start)
                events.append(event)
            if events:
                yield events

    def _remembers(self, time_ns: int) -> bool:
        """Whether the event of that very instant is still among the 256 that the engine keeps.

        Those 256 are of all types, before any filter, and die with the engine: the number of
        events replayed proves nothing, the presence of the last known one does.
        """
        if time_ns < 0:
            return False
        moment = _seconds(time_ns)
        wait = min(self._timeout, 2.0)
        stream = self._open(f"/events?since={moment}&until={moment}&{_QUERY}", wait)
        try:
            return any(stream.body())
        except EngineUnavailable:
            return False  # an instant yet to come (the clock was set back) has no end
        finally:
            stream.close()

    def _engine_second(self) -> int:
        stream = self._open("/_ping", self._timeout)
        stream.close()
        try:
            date = time.strptime(stream.headers.get("date", ""), "%a, %d %b %Y %H:%M:%S GMT")
        except ValueError as error:
            raise broken("it has no date") from error
        return calendar.timegm(date) * 10**9

    def _open(self, target: str, body_timeout: float | None = None) -> Response:
        stream = Response(self._path, target, timeout=self._timeout, body_timeout=body_timeout)
        if stream.status == 200:
            return stream
        stream.close()
        raise EngineUnavailable(
            f"the engine refuses {target.partition('?')[0]} with HTTP status {stream.status}",
            hint="is an authorization plugin in the way? See: journalctl -u docker",
        )


def _seconds(time_ns: int) -> str:
    return f"{time_ns // 10**9}.{time_ns % 10**9:09d}"
