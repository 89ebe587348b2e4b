"""Fetches files of a repository over http, https or from a folder; trusts nothing it gets.

Every file has a total deadline, from the look-up of the name to the last byte, and a largest
length. Route, trust and redirects are those of `core.network`, as for the poll.
"""

import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO
from urllib.parse import unquote, urlsplit

from tuf.api.exceptions import (
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    SlowRetrievalError,
)
from tuf.ngclient import FetcherInterface

from agent.helpers.sync.deadline import Deadline
from core.network.web_address import without_secrets
from core.network.web_client import WebClient
from core.network.web_errors import WebFailed, WebTooLong, WebTooSlow, WebUnusable
from core.network.web_exchange import WebLimits, WebRequest

_CHUNK = 1 << 16
_LARGEST = 64 << 20  # bytes, for a caller that names no limit


class Fetcher(FetcherInterface):
    """`each` is the limit of one file in seconds, `total` the limit of all of them together.

    `ca_file` replaces the system's certificate authorities. Name and password in an address become
    basic authentication.
    """

    def __init__(self, *, each: float, total: Deadline, ca_file: str = "") -> None:
        self._each = each
        self._total = total
        self._client = WebClient(ca_file=ca_file, keep=1)

    def get(self, url: str, limit: int) -> bytes:
        """All of a file of at most `limit` bytes; raises `DownloadError` (tuf), and `WebUnusable`
        for what a person has to correct here: the address, the CA file, the proxy's address."""
        seconds = min(self._each, self._total.left)
        if seconds <= 0:
            raise SlowRetrievalError(f"{without_secrets(url)}: no time is left for it")
        parts = urlsplit(url)
        try:
            if parts.scheme == "file":
                return _from_folder(parts.path, limit)
            return self._from_server(url, limit, seconds)
        except FileNotFoundError as error:
            raise DownloadHTTPError(f"{error.filename}: there is no such file", 404) from error
        except OSError as error:
            raise DownloadError(f"{without_secrets(url)}: {error.strerror}") from error

    @contextmanager
    def download_file(self, url: str, max_length: int) -> Iterator[IO[bytes]]:
        """As the interface says, with the total deadline."""
        yield io.BytesIO(self.get(url, max_length))

    def _fetch(self, url: str) -> Iterator[bytes]:
        yield self.get(url, _LARGEST)

    def _from_server(self, url: str, limit: int, seconds: float) -> bytes:
        try:
            response = self._client.send(WebRequest("GET", url), WebLimits(seconds, limit))
        except WebUnusable:
            raise
        except WebTooSlow as error:
            raise SlowRetrievalError(f"{error.message} ({seconds:.1f} s)") from error
        except WebTooLong as error:
            raise DownloadLengthMismatchError(error.message) from error
        except WebFailed as error:
            raise DownloadError(error.message) from error
        if response.status != 200:
            words = f"{without_secrets(url)}: the server answered {response.status}"
            raise DownloadHTTPError(words, response.status)
        return response.body


def _from_folder(quoted: str, limit: int) -> bytes:
    path = unquote(quoted)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe would wait
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise DownloadError(f"{path}: not a regular file")
    with open(descriptor, "rb", buffering=0) as file:
        return _bounded(file.read, limit, path)


def _bounded(read: Callable[[int], bytes | None], limit: int, what: str) -> bytes:
    found = bytearray()
    while chunk := read(_CHUNK):
        found += chunk
        if len(found) > limit:
            raise DownloadLengthMismatchError(f"{what}: longer than {limit} bytes")
    return bytes(found)
