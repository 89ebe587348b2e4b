"""Bytes to the collector and its answer back, through urllib3; knows neither records nor the spool.

Proxies are the environment's; nothing is followed, nothing is tried twice here.
"""

import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

import urllib3

from agent.helpers.uplink.session import Reply, Unreachable
from core.connection_faults import connection_fault

CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 60.0
ANSWER_LIMIT: Final = 1 << 20  # bytes


class Http:
    """One kept connection to one collector. `url` is its root; `ca_file` vouches for it (empty:
    the system's authorities do)."""

    def __init__(self, url: str, *, ca_file: str = "") -> None:
        """Raises `Unreachable` where `ca_file` cannot be used."""
        self._url = url.rstrip("/")
        try:
            self._pool = _pool(self._url, ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise Unreachable(f"{ca_file} cannot be used as certificates: {error}") from error

    def post(self, path: str, content: bytes, headers: Mapping[str, str]) -> Reply:
        """POST it; the whole answer, of any status. Raises `Unreachable`."""
        try:
            answer = self._pool.request(
                "POST",
                self._url + path,
                body=content,
                headers={"User-Agent": "dockwarden", "Accept": "application/json", **headers},
                redirect=False,
                retries=False,
                preload_content=False,
            )
            try:
                said = answer.read(ANSWER_LIMIT)
                if answer.read(1):
                    raise Unreachable(
                        f"{self._url}: the answer is longer than any answer of a collector"
                    )
            except Unreachable:
                answer.close()
                raise
            answer.release_conn()
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise Unreachable(f"{self._url}: {connection_fault(error)}") from error
        return Reply(answer.status, {k.lower(): v for k, v in answer.headers.items()}, said)

    def close(self) -> None:
        """Close the connection."""
        self._pool.clear()


def _pool(url: str, ca_file: str) -> urllib3.PoolManager:
    parts = urlsplit(url)
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    context = None
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=ca_file or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    proxy = _proxy(parts.scheme, parts.netloc)
    if not proxy:
        return urllib3.PoolManager(timeout=timeout, ssl_context=context, maxsize=1)
    found = urlsplit(proxy)
    named = None
    if found.username:
        named = urllib3.make_headers(proxy_basic_auth=f"{found.username}:{found.password or ''}")
    return urllib3.ProxyManager(
        proxy, timeout=timeout, ssl_context=context, maxsize=1, proxy_headers=named
    )


def _proxy(scheme: str, host: str) -> str:
    """`http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, as curl and urllib have it."""
    found = getproxies_environment()
    if proxy_bypass(host):
        return ""
    url = found.get(scheme) or found.get("all") or ""
    return url if not url or "://" in url else f"http://{url}"
