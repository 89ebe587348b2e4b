"""The fetcher against real sockets: whole files in time, or one named error."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tuf.api.exceptions import (
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    SlowRetrievalError,
)

from agent.helpers.sync.deadline import Deadline
from agent.helpers.sync.tuf.fetcher import Fetcher
from core.network.web_errors import WebUnusable
from tests.patience import PATIENCE

Reply = Callable[[socket.socket, bytes], None]


@contextmanager
def serving(reply: Reply, *, peek: bool = False) -> Iterator[str]:
    """A server on the loopback that hands each connection, with its request, to `reply`; with
    `peek` the request is still there to be read."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    reply(connection, connection.recv(65536, socket.MSG_PEEK if peek else 0))

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def answering(status: str, body: bytes, *headers: str) -> Reply:
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""))
    return lambda connection, _: connection.sendall(head.encode() + body)


def dripping(data: bytes) -> Reply:
    def reply(connection: socket.socket, _: bytes) -> None:
        for byte in data:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)

    return reply


def fetcher(each: float = PATIENCE, total: float = PATIENCE) -> Fetcher:
    return Fetcher(each=each, total=Deadline.after(total))


def test_a_file_comes_whole() -> None:
    with serving(answering("200 OK", b"x" * 200_000)) as url:
        assert fetcher().get(f"{url}/timestamp.json", 200_000) == b"x" * 200_000


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n" + b"x" * 400,
        b"HTTP/1.1 200 OK\r\n" + b"X-Header: aaaaaaaa\r\n" * 40,
    ],
    ids=["body", "headers"],
)
def test_a_drip_ends_at_the_files_deadline(data: bytes) -> None:
    with serving(dripping(data)) as url, pytest.raises(SlowRetrievalError, match=r"0\.3 s"):
        fetcher(each=0.3).get(f"{url}/timestamp.json", 1000)


def test_all_files_together_have_a_deadline() -> None:
    one = fetcher(total=0.0)
    with pytest.raises(SlowRetrievalError, match="no time is left"):
        one.get("http://127.0.0.1:9/timestamp.json", 10)


@pytest.mark.parametrize("chunked", [False, True])
def test_more_than_the_limit_is_cut_off(chunked: bool) -> None:
    body = b"10\r\n" + b"x" * 16 + b"\r\n0\r\n\r\n"
    endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body
    reply: Reply = answering("200 OK", b"x" * 16)
    if chunked:
        reply = lambda connection, _: connection.sendall(endless)  # noqa: E731 - one line
    with serving(reply) as url, pytest.raises(DownloadLengthMismatchError):
        fetcher().get(url, 15)


def test_less_than_announced_is_no_file() -> None:
    short = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"
    with serving(lambda c, _: c.sendall(short)) as url, pytest.raises(DownloadError):
        fetcher().get(url, 100)


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_a_status_is_told(status: int) -> None:
    with serving(answering(f"{status} No", b"")) as url, pytest.raises(DownloadHTTPError) as error:
        fetcher().get(url, 100)
    assert error.value.status_code == status


def test_compressed_bytes_are_not_unpacked() -> None:
    packed = b"\x1f\x8b bomb"
    with serving(answering("200 OK", packed, "Content-Encoding: gzip")) as url:
        assert fetcher().get(url, 100) == packed


def test_redirects_are_followed_but_not_for_ever() -> None:
    again = answering("302 Found", b"", "Location: /again")
    with serving(again) as url, pytest.raises(DownloadError):
        fetcher().get(url, 100)


def test_name_and_password_are_sent_and_never_told() -> None:
    seen: list[bytes] = []

    def reply(connection: socket.socket, request: bytes) -> None:
        seen.append(request)
        connection.sendall(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")

    with serving(reply) as url, pytest.raises(DownloadHTTPError) as error:
        fetcher().get(url.replace("http://", "http://host:s3cret@"), 100)
    assert b"Basic aG9zdDpzM2NyZXQ=" in seen[0]
    assert "s3cret" not in str(error.value)


def test_who_refuses_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    words = f"127.0.0.1:{port}/timestamp.json: the connection was refused"
    with pytest.raises(DownloadError, match=words):
        fetcher().get(f"http://127.0.0.1:{port}/timestamp.json", 100)


def test_a_folder_is_a_source_too(tmp_path: Path) -> None:
    (tmp_path / "a b.json").write_bytes(b"data")
    base = tmp_path.as_uri()
    assert fetcher().get(f"{base}/a%20b.json", 4) == b"data"
    with pytest.raises(DownloadLengthMismatchError):
        fetcher().get(f"{base}/a%20b.json", 3)
    with pytest.raises(DownloadHTTPError) as error:
        fetcher().get(f"{base}/other.json", 4)
    assert error.value.status_code == 404


def test_only_regular_files_of_a_folder_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "."):
        with pytest.raises(DownloadError):
            fetcher().get(f"{tmp_path.as_uri()}/{name}", 4)


@pytest.mark.parametrize("url", ["ftp://host/x", "http:///x", "x", "http://host:port/x"])
def test_what_is_no_address_is_an_error(url: str) -> None:
    with pytest.raises(WebUnusable):
        fetcher().get(url, 4)
