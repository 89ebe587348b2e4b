"""Attacks by the owner of the server or the wire, who has no key. Catalogue entries only."""

import gzip
import os
from functools import partial
from http.server import BaseHTTPRequestHandler

from tests.attack.metadata import SERVER, publish_evil
from tests.attack.server import send
from tests.attack.stage import Stage, add, attack

FOLDER = "the folder that the host reads"
CHUNK = b" " * 65_536
SLOW = "hangs: it has no total deadline"
NO_FOLDERS = "reads no folders"


def endless(ending: str, stage: Stage) -> None:
    """A file has no end."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while not stage.server.closing.is_set():
            request.wfile.write(CHUNK)

    _instead(stage, ending, answer)


def drip(ending: str, stage: Stage) -> None:
    """A file comes byte by byte, each well before a socket's time is up."""
    stage.hurry()

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000")
        request.end_headers()
        while not stage.server.closing.wait(0.05):
            request.wfile.write(b" ")

    _instead(stage, ending, answer)


def dripping_headers(stage: Stage) -> None:
    """The answer's headers never end."""
    stage.hurry()

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not stage.server.closing.wait(0.05):
            request.wfile.write(b"X-More: 1\r\n")

    _instead(stage, "timestamp.json", answer)


def silence(stage: Stage) -> None:
    """The server takes the request and says nothing."""
    stage.hurry()
    _instead(stage, "timestamp.json", lambda _: stage.server.closing.wait() and None)


def gzip_bomb(ending: str, stage: Stage) -> None:
    """A small answer says that it is compressed and would inflate to 64 MiB."""
    bomb = gzip.compress(bytes(64 << 20), compresslevel=1)
    _instead(stage, ending, lambda request: send(request, bomb, encoding="gzip"))


def cut_short(ending: str, stage: Stage) -> None:
    """The connection ends in the middle of a file."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "400")
        request.end_headers()
        request.wfile.write(b'{"signatures": [')

    _instead(stage, ending, answer)


def status(code: int, stage: Stage) -> None:
    """The server refuses."""
    _instead(stage, "timestamp.json", lambda request: request.send_error(code))


def redirected(where: str, stage: Stage) -> None:
    """The server sends the host elsewhere."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", where.format(server=stage.server.url, path=request.path))
        request.end_headers()

    _instead(stage, "timestamp.json", answer)


ENDINGS = {"timestamp": "timestamp.json", "a-role": ".acme.json", "a-list": ".list.json"}
for name, ending in ENDINGS.items():
    add(f"endless-data-in-{name}", SERVER, partial(endless, ending))
    add(f"slow-drip-of-{name}", SERVER, partial(drip, ending), stock=SLOW)
    add(f"gzip-bomb-in-{name}", SERVER, partial(gzip_bomb, ending))
    add(f"{name}-cut-short", SERVER, partial(cut_short, ending))
add("headers-without-end", SERVER, dripping_headers, stock=SLOW)
add("a-server-that-says-nothing", SERVER, silence, stock=SLOW)
add("server-error", SERVER, partial(status, 500), stock="rejected: after retries")
add("file-not-there", SERVER, partial(status, 404))
for place, where in {
    "a-file": "file:///etc/hostname",
    "itself-for-ever": "{server}{path}",
    "another-port": "http://127.0.0.1:1{path}",
    "another-scheme": "gopher://127.0.0.1:1{path}",
}.items():
    add(f"redirect-to-{place}", SERVER, partial(redirected, where), stock="rejected: MaxRetryError")


@attack(FOLDER, over_files=True, stock=NO_FOLDERS)
def symlink_to_a_foreign_file(stage: Stage) -> None:
    """A new list is a link to a file of the host's own."""
    publish_evil(stage)
    file = stage.thief.file("acme")
    file.unlink()
    file.symlink_to("/etc/passwd")


@attack(FOLDER, over_files=True, stock=NO_FOLDERS)
def symlink_to_an_endless_device(stage: Stage) -> None:
    """The timestamp is a link to a device that never ends."""
    file = stage.thief.file("timestamp")
    file.unlink()
    file.symlink_to("/dev/zero")


@attack(FOLDER, over_files=True, stock=NO_FOLDERS)
def pipe_in_place_of_a_file(stage: Stage) -> None:
    """The timestamp is a pipe that nobody writes to."""
    file = stage.thief.file("timestamp")
    file.unlink()
    os.mkfifo(file)


@attack(FOLDER, over_files=True, stock=NO_FOLDERS)
def folder_in_place_of_a_file(stage: Stage) -> None:
    """The timestamp is a folder."""
    file = stage.thief.file("timestamp")
    file.unlink()
    file.mkdir()


def _instead(stage: Stage, ending: str, answer: object) -> None:
    """Something new is out there, but files that end so are answered in this way."""
    publish_evil(stage)
    stage.server.misbehave(ending, answer)  # type: ignore[arg-type] # returns nothing of use
