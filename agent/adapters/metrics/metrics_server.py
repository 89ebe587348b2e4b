"""Metrics over HTTP on a loopback address; knows text, not what it measures."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6

from agent.errors import SinkFailed

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
TIMEOUT = 5.0  # s that a client may take to ask


class MetricsServer:
    """Answers `GET /metrics` with what was published last."""

    def __init__(self, address: str) -> None:
        """`address` is `host:port` with a literal loopback address. Raises `SinkFailed`."""
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        kind = _Server6 if ":" in host else _Server
        try:
            self._server = kind((host, int(port)), _Handler)
        except OSError as error:
            raise SinkFailed(
                f"metrics cannot be served at {address}: {error.strerror}",
                hint="choose another address in [metrics] listen",
            ) from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="metrics", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens at, also where 0 was asked for."""
        return int(self._server.server_address[1])

    def publish(self, text: str) -> None:
        """What the next answers say."""
        self._server.text = text.encode()

    def close(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    text = b""


class _Server6(_Server):
    address_family = AF_INET6


class _Handler(BaseHTTPRequestHandler):
    timeout = TIMEOUT
    server: _Server

    def do_GET(self) -> None:
        found = self.path.partition("?")[0] == "/metrics"
        body = self.server.text if found else b"see /metrics\n"
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", CONTENT_TYPE if found else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Scrapes are not worth a line."""
