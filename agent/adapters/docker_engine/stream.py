"""A small HTTP/1.1 client over a unix socket: one request, its body as it arrives, cut into lines.

It knows nothing of events. Every violation of the protocol is one `EngineUnavailable`.
"""

import socket
from collections.abc import Iterator
from contextlib import suppress

from agent.errors import EngineUnavailable

BUFFER = 256 * 1024
MAX_HEAD = 64 * 1024
MAX_LINE = 8 * 1024 * 1024
_MAX_SIZE_LINE = 1024
_CUT_TO = 1024


def broken(what: str) -> EngineUnavailable:
    """The error for bytes that are not answer of a container engine."""
    return EngineUnavailable(
        f"the engine's answer cannot be read: {what}",
        hint="is this socket a Docker Engine's? Try: curl --unix-socket SOCKET http://d/_ping",
    )


class Dechunker:
    """Undoes `Transfer-Encoding: chunked` (RFC 9112, section 7.1) piece by piece."""

    def __init__(self) -> None:
        self.finished = False
        self._buffer = b""
        self._left = 0  # bytes that the current chunk still lacks, with its final CRLF

    def feed(self, data: bytes) -> bytes:
        """The content within `data`; keeps what is incomplete. Raises `EngineUnavailable`."""
        buffer = self._buffer + data if self._buffer else data
        pieces: list[bytes] = []
        at, end = 0, len(buffer)
        while not self.finished:
            if self._left:
                stop = min(at + self._left, end)
                pieces.append(buffer[at : max(at, min(stop, at + self._left - 2))])
                self._left -= stop - at
                at = stop
                if self._left:
                    break
            line_end = buffer.find(b"\r\n", at)
            if line_end < 0:
                if end - at > _MAX_SIZE_LINE:
                    raise broken("a chunk's size line has no end")
                break
            size = _chunk_size(buffer[at:line_end])
            at = line_end + 2
            self.finished = size == 0
            self._left = size + 2 if size else 0
        self._buffer = buffer[at:]
        return b"".join(pieces)


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not digits or len(digits) > 15 or digits.strip(b"0123456789abcdefABCDEF"):
        raise broken(f"{line[:40]!r} is not a chunk size")
    return int(digits, 16)


class LineSplitter:
    """Cuts a byte stream at newlines. Of a line longer than `limit` bytes only the first kilobyte
    is kept, so that one event with enormous labels cannot fill the memory."""

    def __init__(self, limit: int = MAX_LINE) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The complete lines, without their newline; empty ones are left out."""
        first, newline, rest = data.partition(b"\n")
        self._keep(first)
        if not newline:
            return []
        lines = [b"".join(self._parts)]
        self._parts, self._size = [], 0
        lines += rest.split(b"\n")
        self._keep(lines.pop())
        return [line for line in lines if line]

    def _keep(self, data: bytes) -> None:
        already_cut = self._size > self._limit
        self._size += len(data)
        if self._size <= self._limit:
            self._parts.append(data)
        elif not already_cut:
            self._parts = [b"".join((*self._parts, data))[:_CUT_TO]]


class Response:
    """One answer whose body is read as it arrives.

    `timeout` (seconds) bounds the connection and the wait for the head; a body may take forever
    unless `body_timeout` says otherwise.
    """

    def __init__(
        self,
        socket_path: str,
        target: str,
        *,
        method: str = "GET",
        timeout: float,
        body_timeout: float | None = None,
    ) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(timeout)
            self._socket.connect(socket_path)
            self._socket.sendall(
                f"{method} {target} HTTP/1.1\r\nHost: docker\r\n"
                "Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
            )
            self.status, self.headers, self._rest = self._read_head()
            self._socket.settimeout(body_timeout)
        except OSError as error:
            self._socket.close()
            raise unreachable(socket_path, error) from error
        except EngineUnavailable:
            self._socket.close()
            raise
        self._chunked = "chunked" in self.headers.get("transfer-encoding", "").lower()

    def _read_head(self) -> tuple[int, dict[str, str], bytes]:
        head = b""
        while b"\r\n\r\n" not in head:
            data = self._socket.recv(BUFFER)
            if not data:
                raise broken("it ended before its head did")
            head += data
            if len(head) > MAX_HEAD and b"\r\n\r\n" not in head[:MAX_HEAD]:
                raise broken("its head has no end")
        head, _, rest = head.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        words = first.split(" ", 2)
        if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdecimal():
            raise broken(f"it begins with {first[:40]!r}")
        pairs = (line.partition(":") for line in lines)
        return int(words[1]), {key.strip().lower(): value.strip() for key, _, value in pairs}, rest

    def body(self) -> Iterator[bytes]:
        """The content, piece by piece; ends with the answer, or when the connection ends."""
        if self.status in (204, 304):  # bear none (RFC 9110, sections 15.3.5 and 15.4.5)
            return
        dechunker = Dechunker() if self._chunked else None
        data = self._rest
        while True:
            if content := dechunker.feed(data) if dechunker else data:
                yield content
            if dechunker and dechunker.finished:
                return
            try:
                data = self._socket.recv(BUFFER)
            except TimeoutError as error:
                raise unreachable("the engine", error) from error
            except OSError:
                return  # reset by the engine's end, or closed by `abort`
            if not data:
                return

    def abort(self) -> None:
        """End a running `body` from another thread."""
        with suppress(OSError):  # it may have ended by itself
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the connection up."""
        self._socket.close()


def unreachable(socket_path: str, error: OSError) -> EngineUnavailable:
    """The error for an engine that cannot be reached or keeps silent."""
    if isinstance(error, TimeoutError):
        return EngineUnavailable(
            f"{socket_path} does not answer in time",
            hint="the engine hangs or is overloaded; see: journalctl -u docker",
        )
    if isinstance(error, PermissionError):
        return EngineUnavailable(f"{socket_path}: permission denied", hint="run as root")
    return EngineUnavailable(
        f"{socket_path} cannot be reached: {error.strerror or error}",
        hint="is the engine running? See: systemctl status docker",
    )
