"""Why a connection failed, in our own words, whatever the library said."""

import socket
import threading
from collections.abc import Callable

import pytest
import urllib3

from core.connection_faults import connection_fault


def answering(act: Callable[[socket.socket], object]) -> int:
    """The port of a server that does this to the one connection it takes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with listener, listener.accept()[0] as connection:
            act(connection)

    threading.Thread(target=serve, daemon=True).start()
    return int(listener.getsockname()[1])


def failure(url: str) -> str:
    """What is said of a GET, with and without urllib3's wrapper for retries."""
    told = set()
    for retries in (False, urllib3.Retry(0)):
        with pytest.raises(urllib3.exceptions.HTTPError) as caught:
            urllib3.PoolManager(timeout=2).request("GET", url, retries=retries)
        told.add(connection_fault(caught.value))
    (words,) = told
    return words


def test_nobody_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert failure(f"http://127.0.0.1:{port}") == "the connection was refused"


def test_the_name_is_unknown() -> None:
    found = urllib3.exceptions.HTTPError("words", socket.gaierror(-2, "more words"))
    assert connection_fault(found) == "the host name cannot be resolved"


def once(act: Callable[[socket.socket], object]) -> str:
    with pytest.raises(urllib3.exceptions.HTTPError) as caught:
        urllib3.PoolManager(timeout=1).request(
            "GET", f"http://127.0.0.1:{answering(act)}", retries=False
        )
    return connection_fault(caught.value)


def test_it_hangs_up() -> None:
    words = "the connection was closed before the answer was whole"
    assert once(lambda connection: connection.recv(1000)) == words


def test_it_says_nothing() -> None:
    assert once(lambda _: threading.Event().wait(3)) == "no answer in time"


def test_it_is_no_web_server() -> None:
    def speak(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"220 mail ready\r\n")

    assert once(speak) == "no usable answer (BadStatusLine)"


def test_our_own_words_stay() -> None:
    assert connection_fault(OSError("the proxy answers 403")) == "the proxy answers 403"
