"""The uplink's HTTP over TLS with a private authority, and through a proxy."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from agent.helpers.uplink.http import Http
from agent.helpers.uplink.session import Unreachable
from tests.adapters.tls import make_authority

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


class Handler(BaseHTTPRequestHandler):
    """Answers each POST with its own body; notes the request's target."""

    targets: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        """Echo."""
        self.targets.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:1/")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def server(context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Its port on 127.0.0.1."""
    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        found.socket = context.wrap_socket(found.socket, server_side=True)
    thread = threading.Thread(target=found.serve_forever, daemon=True)
    thread.start()
    try:
        yield int(found.server_address[1])
    finally:
        found.shutdown()
        found.server_close()


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    Handler.targets.clear()
    for name in _PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_a_private_authority_vouches_and_nobody_else(tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    pem = str(authority.ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, authority.key_file)
    with server(context) as port:
        url = f"https://127.0.0.1:{port}"
        assert Http(url, ca_file=pem).post("/v1/events", b"hello", {}).body == b"hello"
        with pytest.raises(Unreachable, match="its TLS certificate is not trusted"):
            Http(url).post("/v1/events", b"hello", {})


def test_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with server() as port:
        monkeypatch.setenv("http_proxy", f"127.0.0.1:{port}")
        reply = Http("http://collector.acme.test").post("/v1/events", b"hello", {})
        assert reply.body == b"hello"
        assert Handler.targets == ["http://collector.acme.test/v1/events"]
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        Http(f"http://127.0.0.1:{port}").post("/v1/events", b"hello", {})
        assert Handler.targets[-1] == "/v1/events"


def test_a_redirect_is_not_followed_and_nothing_is_sent_there() -> None:
    with server() as port:
        assert Http(f"http://127.0.0.1:{port}").post("/moved", b"x", {}).status == 302
    with pytest.raises(Unreachable, match=r"[0-9]/v1/events: the connection was ref"):
        Http(f"http://127.0.0.1:{port}").post("/v1/events", b"x", {})
