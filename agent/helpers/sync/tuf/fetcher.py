"""Fetches files of a repository over http, https or from a folder; trusts nothing it gets.

Every file has a total deadline, from the look-up of the name to the last byte, and a largest
length. A time-out of the socket begins again with each byte, and name look-ups, TLS and headers
have none at all; so the work is done on another thread, which is left behind if it takes too long.
"""

import base64
import http.client
import io
import os
import ssl
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from tuf.api.exceptions import (
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    SlowRetrievalError,
)
from tuf.ngclient import FetcherInterface

from agent.helpers.sync.deadline import Deadline
from core.connection_faults import connection_fault

_CHUNK = 1 << 16
_LARGEST = 64 << 20  # bytes, for a caller that names no limit
_REDIRECTS = 3  # object stores send one to a signed address
_AGENT = "dockwarden"


class Fetcher(FetcherInterface):
    """`each` is the limit of one file in seconds, `total` the limit of all of them together.

    `ca_file` replaces the system's certificate authorities. Proxies come from `HTTP_PROXY`,
    `HTTPS_PROXY` and `NO_PROXY`. Name and password in an address become basic authentication.
    """

    def __init__(self, *, each: float, total: Deadline, ca_file: str = "") -> None:
        self._each = each
        self._total = total
        self._ca_file = ca_file
        self._pools: dict[tuple[str, str], urllib3.PoolManager] = {}

    def get(self, url: str, limit: int) -> bytes:
        """All of a file of at most `limit` bytes; raises `DownloadError` (tuf)."""
        seconds = min(self._each, self._total.left)
        if seconds <= 0:
            raise SlowRetrievalError(f"{_plain(url)}: no time is left for it")
        work = _Work(lambda: self._read(url, limit, seconds))
        work.start()
        work.join(seconds)
        return work.result(_plain(url), f"incomplete after {seconds:.1f} s")

    @contextmanager
    def download_file(self, url: str, max_length: int) -> Iterator[IO[bytes]]:
        """As the interface says, with the total deadline."""
        yield io.BytesIO(self.get(url, max_length))

    def _fetch(self, url: str) -> Iterator[bytes]:
        yield self.get(url, _LARGEST)

    def _read(self, url: str, limit: int, seconds: float) -> bytes:
        parts = urlsplit(url)
        if parts.scheme == "file":
            return _from_folder(parts.path, limit)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise DownloadError(f"{_plain(url)}: neither http://, https:// nor file://")
        pool, headers = self._pool(url)
        timeout = urllib3.Timeout(connect=seconds, read=seconds)
        with pool.request(
            "GET",
            _plain(url),
            headers=headers,
            preload_content=False,
            decode_content=False,
            timeout=timeout,
            retries=urllib3.Retry(_REDIRECTS, connect=0, read=0, status=0, other=0),
        ) as response:
            if response.status != 200:
                raise DownloadHTTPError(
                    f"{_plain(url)}: the server says {response.status}", response.status
                )
            return _bounded(response.read1, limit, _plain(url))

    def _pool(self, url: str) -> tuple[urllib3.PoolManager, dict[str, str]]:
        parts = urlsplit(url)
        proxies = {} if proxy_bypass(parts.hostname or "") else getproxies()
        proxy = proxies.get(parts.scheme) or proxies.get("all") or ""
        key = (parts.scheme, proxy)
        if key not in self._pools:
            self._pools[key] = self._new_pool(parts.scheme, proxy)
        headers = {"User-Agent": _AGENT, "Accept-Encoding": "identity"}
        return self._pools[key], headers | _authorization("Authorization", url)

    def _new_pool(self, scheme: str, proxy: str) -> urllib3.PoolManager:
        context = None
        if scheme == "https" or proxy.startswith("https"):
            context = ssl.create_default_context(cafile=self._ca_file or None)
        if not proxy:
            return urllib3.PoolManager(ssl_context=context)
        address = proxy if "://" in proxy else f"http://{proxy}"
        return urllib3.ProxyManager(
            _plain(address),
            proxy_headers=_authorization("Proxy-Authorization", address),
            ssl_context=context,
            proxy_ssl_context=context,
        )


class _Work(threading.Thread):
    """One fetch in a thread of its own; nobody waits for it longer than its time."""

    def __init__(self, work: Callable[[], bytes]) -> None:
        super().__init__(name="fetch", daemon=True)
        self._work = work
        self._found: bytes | None = None
        self._error: Exception | None = None

    def run(self) -> None:
        try:
            self._found = self._work()
        except Exception as error:  # noqa: BLE001 - handed to the waiter, who distinguishes them
            self._error = error

    def result(self, url: str, too_slow: str) -> bytes:
        """What was fetched; raises `DownloadError`."""
        if self._error is not None:
            raise _as_download_error(url, self._error)
        if self._found is None:
            raise SlowRetrievalError(f"{url}: {too_slow}")
        return self._found


def _as_download_error(url: str, error: Exception) -> Exception:
    if isinstance(error, DownloadError):
        return error
    if isinstance(error, FileNotFoundError):
        return DownloadHTTPError(f"{error.filename}: there is no such file", 404)
    if isinstance(error, (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError)):
        return DownloadError(f"{url}: {connection_fault(error)}")
    if isinstance(error, ValueError):  # a port or a host name that is none
        return DownloadError(f"{url}: no address to fetch from ({error})")
    return error


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


def _plain(url: str) -> str:
    """The address without name and password, which belong in no message."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _authorization(header: str, url: str) -> dict[str, str]:
    user, at, _ = urlsplit(url).netloc.rpartition("@")
    if not at:
        return {}
    return {header: f"Basic {base64.b64encode(unquote(user).encode()).decode()}"}
