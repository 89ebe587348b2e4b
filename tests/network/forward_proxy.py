"""A small real HTTP proxy: CONNECT and absolute addresses, every name leading to this machine."""

import contextlib
import http.client
import select
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass(slots=True)
class ForwardProxy:
    """`asked`: what came, such as `CONNECT lists.acme.test:8443`. `login`, if set, is what
    Proxy-Authorization has to be. `mood`: well, refusing or hanging."""

    port: int = 0
    login: str = ""
    mood: str = "well"
    asked: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        """Without a scheme."""
        return f"127.0.0.1:{self.port}"


class _Handler(BaseHTTPRequestHandler):
    proxy: ForwardProxy

    def do_CONNECT(self) -> None:
        """Tunnel."""
        self.proxy.asked.append(f"CONNECT {self.path}")
        if not self._lets():
            return
        port = int(self.path.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as server:
            self.connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _pump(self.connection, server, self.proxy.over)
        self.close_connection = True

    def do_GET(self) -> None:
        """Forward."""
        self.proxy.asked.append(f"{self.command} {self.path}")
        if not self._lets():
            return
        parts = urlsplit(self.path)
        upstream = http.client.HTTPConnection("127.0.0.1", parts.port or 80)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kept = {k: v for k, v in self.headers.items() if not k.lower().startswith("proxy-")}
        upstream.request(self.command, parts.path, body=body or None, headers=kept)
        answer = upstream.getresponse()
        data = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
        upstream.close()

    do_POST = do_GET

    def log_message(self, *_: Any) -> None:
        """Nothing."""

    def _lets(self) -> bool:
        self.close_connection = True
        if self.proxy.mood == "hanging":
            self.proxy.over.wait()
            return False
        told = self.headers.get("Proxy-Authorization", "")
        if self.proxy.login and told != self.proxy.login:
            self.send_response(407)
            self.send_header("Proxy-Authenticate", "Basic")
        elif self.proxy.mood == "refusing":
            self.send_response(403)
        else:
            return True
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False


def _pump(one: socket.socket, other: socket.socket, over: threading.Event) -> None:
    to = {one: other, other: one}
    with contextlib.suppress(OSError):
        while not over.is_set():
            for source in select.select(list(to), [], [], 0.1)[0]:
                data = source.recv(65536)
                if not data:
                    return
                to[source].sendall(data)


@contextlib.contextmanager
def proxying() -> Iterator[ForwardProxy]:
    """The proxy, on a free port of 127.0.0.1."""
    proxy = ForwardProxy()
    handler = type("Handler", (_Handler,), {"proxy": proxy})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.block_on_close = False
    proxy.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
