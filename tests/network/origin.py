"""A web server that every client is sent to, with or without TLS; it answers by its mood."""

import contextlib
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.adapters.tls import Authority

NAME = "lists.acme.test"  # no resolver knows it: only a proxy leads there
DRIPS = 400  # lines, one each 50 ms: a client without a total deadline sits through 20 s


@dataclass(slots=True)
class Origin:
    """`mood`: `well`, `moved` (to `elsewhere`), `hanging`, `dripping` (the head), `trickling` (the
    body). `reached` counts requests."""

    scheme: str
    port: int = 0
    mood: str = "well"
    elsewhere: str = ""
    reply: bytes = b'{"host_id": "1", "token": "2"}'  # any client takes it
    reached: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def at(self, host: str) -> str:
        """Its root under a name."""
        return f"{self.scheme}://{host}:{self.port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    origin: Origin

    def do_GET(self) -> None:
        """As the mood is."""
        origin = self.origin
        origin.reached += 1
        origin.headers = {name.lower(): value for name, value in self.headers.items()}
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.close_connection = origin.mood != "well"
        with contextlib.suppress(OSError):  # they may hang up
            self._answer(origin)

    do_POST = do_GET

    def _answer(self, origin: Origin) -> None:
        if origin.mood == "hanging":
            origin.over.wait()
            return
        if origin.mood == "dripping":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            self._drip(b"X-Line: a\r\n", 60)
        self.send_response(302 if origin.mood == "moved" else 200)
        if origin.mood == "moved":
            self.send_header("Location", origin.elsewhere)
        extra = DRIPS if origin.mood == "trickling" else 0
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(origin.reply) + extra))
        self.end_headers()
        if extra:
            self._drip(b" ", extra)
        self.wfile.write(origin.reply)

    def _drip(self, data: bytes, times: int) -> None:
        for _ in range(times):
            self.wfile.write(data)
            if self.origin.over.wait(20 / times):
                return

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextlib.contextmanager
def serving(authority: Authority | None = None) -> Iterator[Origin]:
    """The server, on a free port of 127.0.0.1, with TLS where there is an authority."""
    origin = Origin("https" if authority else "http")
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"origin": origin}))
    server.daemon_threads = True
    server.block_on_close = False
    if authority:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.cert_file, authority.key_file)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # a client may hang up
    origin.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield origin
    finally:
        origin.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
