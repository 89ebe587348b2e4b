"""A web server for one folder, as object stores behave: validators, redirects, moods."""

import contextlib
import hashlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class ListServer:
    """`mood`: how it answers. `asked` holds each request's first line and headers."""

    folder: Path
    url: str = ""
    mood: str = "well"
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[ListServer]:
    """The server, on a free port of 127.0.0.1."""
    told = ListServer(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked.append((self.requestline, dict(self.headers)))
            _answer(self, told)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(handler: BaseHTTPRequestHandler, told: ListServer) -> None:
    path = handler.path.partition("//")[2].partition("/")[2] or handler.path.lstrip("/")
    match told.mood:
        case "garbage":
            handler.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        case "endless":
            _start(handler, 200, {})
            _pour(handler, 1000, b"x" * 1024)
        case "drip":
            _start(handler, 200, {"Content-Length": "100"})
            _pour(handler, 100, b"x", pause=0.05)
        case "cut":
            _start(handler, 200, {"Content-Length": "100"})
            handler.wfile.write(b"x")
        case "moved" if not path.startswith("there/"):
            _start(handler, 302, {"Location": f"/there/{path}"})
        case "circle":
            _start(handler, 302, {"Location": f"/{path}"})
        case "broken":
            _start(handler, 503, {})
        case _:
            _file(handler, told.folder / path.removeprefix("there/"))


def _pour(handler: BaseHTTPRequestHandler, times: int, data: bytes, pause: float = 0.0) -> None:
    with contextlib.suppress(OSError):  # they may hang up
        for _ in range(times):
            handler.wfile.write(data)
            time.sleep(pause)


def _file(handler: BaseHTTPRequestHandler, path: Path) -> None:
    try:
        data = path.read_bytes()
    except OSError:
        _start(handler, 404, {})
        return
    tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
    if handler.headers.get("If-None-Match") == tag:
        _start(handler, 304, {"ETag": tag})
        return
    _start(handler, 200, {"ETag": tag, "Content-Length": str(len(data))})
    handler.wfile.write(data)


def _start(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str]) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
