"""An HTTP server of a folder on the loopback that can be made to misbehave, path by path."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SyncReport = Callable[[BaseHTTPRequestHandler], None]
Choice = Callable[[str], bool]


class Server(ThreadingHTTPServer):
    """`misbehaviour` answers every path that `chosen` chooses, the folder all others."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.closing = threading.Event()
        self.chosen: Choice = lambda _: False
        self.misbehaviour: SyncReport | None = None

    @property
    def url(self) -> str:
        """The repository as a source."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def misbehave(self, ending: str, answer: SyncReport) -> None:
        """From now on answer paths that end so in this way."""
        self.chosen = lambda path: path.endswith(ending)
        self.misbehaviour = answer

    def behave(self) -> None:
        """Serve the folder again."""
        self.misbehaviour = None


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        answer = self.server.misbehaviour
        with suppress(ConnectionError):  # a client that has seen enough goes away
            if answer and self.server.chosen(self.path):
                answer(self)
            else:
                self._serve()

    def _serve(self) -> None:
        file = self.server.folder / self.path.lstrip("/")
        if not file.is_file():
            self.send_error(404)
            return
        send(self, file.read_bytes())

    def log_message(self, format: str, *args: object) -> None:
        """Tests are quiet."""


def send(request: BaseHTTPRequestHandler, data: bytes, *, encoding: str = "") -> None:
    """A whole answer."""
    request.send_response(200)
    request.send_header("Content-Length", str(len(data)))
    if encoding:
        request.send_header("Content-Encoding", encoding)
    request.end_headers()
    request.wfile.write(data)


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """A server of this folder, in threads of this process."""
    server = Server(folder)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
