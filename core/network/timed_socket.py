"""Sockets whose every operation gets what is left of one total time; knows no HTTP."""

import contextlib
import io
import math
import select
import socket
import threading
import time
from typing import Any, cast


class TimedSocket:
    """What http.client needs of a socket; nothing takes longer than until `ends`, an instant of
    `time.monotonic`, and no single wait longer than `idle` seconds. http.client closes it when it
    likes; `end` really does."""

    def __init__(self, plain: socket.socket, ends: float, idle: float = math.inf) -> None:
        self.ends, self.idle = ends, idle
        self._socket = plain

    def sendall(self, data: bytes) -> None:
        """All of it. Raises `TimeoutError`."""
        rest = memoryview(data)
        while rest:
            self._socket.settimeout(self._patience())
            rest = rest[self._socket.send(rest) :]

    def makefile(self, *_mode: object) -> io.BufferedReader:
        """A buffered reader, which is all that is ever asked for."""
        return io.BufferedReader(_Reading(self))

    def receive(self, buffer: memoryview) -> int:
        """Into the buffer; 0 at the end. Raises `TimeoutError`."""
        self._socket.settimeout(self._patience())
        return self._socket.recv_into(buffer)

    def _patience(self) -> float:
        return min(left(self.ends), self.idle)

    def fileno(self) -> int:
        """For poll."""
        return self._socket.fileno()

    def close(self) -> None:
        """Not yet: an answer may still be read."""

    def end(self) -> None:
        """Close the connection."""
        with contextlib.suppress(OSError):
            self._socket.close()


class _Reading(io.RawIOBase):
    def __init__(self, timed: TimedSocket) -> None:
        self._timed = timed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._timed.receive(memoryview(buffer))


def left(ends: float) -> float:
    """Seconds until then. Raises `TimeoutError` when there are none."""
    found = ends - time.monotonic()
    if found <= 0:
        raise TimeoutError
    return found


def connected(host: str, port: int, ends: float) -> socket.socket:
    """A connection to the first address that answers; one that is silent takes no more than its
    share of the time. Raises `OSError`."""
    addresses = _resolved(host, port, ends)
    for number, (family, kind, protocol, _, address) in enumerate(addresses, 1):
        plain = socket.socket(family, kind, protocol)
        try:
            plain.settimeout(left(ends) / (len(addresses) - number + 1))
            plain.connect(address)
        except OSError:
            plain.close()
            if number == len(addresses):
                raise
        except BaseException:
            plain.close()
            raise
        else:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return plain
    raise OSError("the host name has no address")


def dropped(timed: TimedSocket) -> bool:
    """Whether the other side has ended an idle connection, or speaks without being asked."""
    poll = select.poll()
    poll.register(timed, select.POLLIN)
    return bool(poll.poll(0))


def _resolved(host: str, port: int, ends: float) -> list[Any]:
    """The addresses of a name. A look-up cannot be interrupted, so it is left behind, in a thread
    of its own, when the time is over."""
    found: list[Any] = []

    def resolve() -> None:
        try:
            found.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found.append(error)

    looking = threading.Thread(target=resolve, name="look-up", daemon=True)
    looking.start()
    looking.join(left(ends))
    if not found:
        raise TimeoutError
    if isinstance(found[0], UnicodeError):
        raise socket.gaierror(socket.EAI_NONAME, "no host name") from found[0]
    if isinstance(found[0], OSError):
        raise found[0]
    return cast("list[Any]", found[0])
