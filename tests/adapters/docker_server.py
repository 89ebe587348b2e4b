"""A unix socket with scripted answers: for engines that lie, stall or break off."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Canned = Callable[[str], bytes]

DATE = b"Date: Mon, 23 Nov 2026 12:00:00 GMT\r\n"
HEAD = b"HTTP/1.1 200 OK\r\n" + DATE + b"Transfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


END = b"0\r\n\r\n"


@contextmanager
def serving(
    path: Path, answer: Canned, *, holds: Callable[[str], bool] = lambda _target: False
) -> Iterator[list[str]]:
    """Serve one request a connection; yields the targets asked for. After an empty answer, or
    where `holds`, the connection stays open and silent until the client goes."""
    targets: list[str] = []
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(8)

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # the test is over
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    def one(connection: socket.socket) -> None:
        with connection:
            request = connection.recv(65536).decode()
            targets.append(request.split(" ")[1])
            try:
                data = answer(targets[-1])
                connection.sendall(data)
                if not data or holds(targets[-1]):
                    connection.recv(1)
            except OSError:
                pass  # the client went first

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield targets
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)
