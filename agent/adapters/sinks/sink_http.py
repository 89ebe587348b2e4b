"""POSTs bytes to one URL and distinguishes lasting refusals from passing faults; knows no format.

Honours HTTPS_PROXY, HTTP_PROXY and NO_PROXY. Redirects are not followed: a POST's body must not
wander to a place nobody configured.
"""

import http.client
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib import request
from urllib.error import URLError

from agent.errors import SinkBusy, SinkFailed, SinkRefused
from core import __version__

TIMEOUT = 10.0  # s, for each wait on the network
LONGEST_ANSWER = 65_536  # bytes read of an answer
# Statuses that refuse this very body for good; a wrong URL or token can be corrected.
POISON = frozenset({400, 413, 415, 422})


class Web:
    """One receiver's URL with its trust."""

    def __init__(self, url: str, *, ca_file: str = "", token_file: str = "") -> None:
        """`ca_file` holds the PEM certificates that are trusted instead of the system's;
        `token_file` a bearer token, read for every request so that it can be renewed.

        Raises `SinkFailed` for a `ca_file` that cannot be used.
        """
        self._url, self._token_file = url, token_file
        self._opener = request.OpenerDirector()
        context = tls_context(ca_file) if url.startswith("https://") else None
        for handler in (
            request.ProxyHandler(),
            request.HTTPHandler(),
            request.HTTPSHandler(context=context),
            request.UnknownHandler(),
        ):
            self._opener.add_handler(handler)

    def post(self, body: bytes, headers: Mapping[str, str]) -> bytes:
        """The answer's body. Raises as `ports.Transport.send` does."""
        agent = {"User-Agent": f"dockwarden/{__version__}", **headers, **self._bearer()}
        asked = request.Request(self._url, data=body, headers=agent, method="POST")
        try:
            with self._opener.open(asked, timeout=TIMEOUT) as answer:
                status, wait = answer.status, answer.headers.get("Retry-After", "")
                text: bytes = answer.read(LONGEST_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            reason = error.reason if isinstance(error, URLError) else error
            raise SinkFailed(
                f"{self._url} could not be reached: {reason or type(error).__name__}",
                hint="check the URL, the network, HTTPS_PROXY and the receiver's certificate",
            ) from error
        if 200 <= status < 300:
            return text
        said = f"{self._url} answered {status}: {text[:200].decode(errors='replace')!r}"
        if status in POISON:
            raise SinkRefused(said, hint="the finding stays in the findings file of this host")
        if wait.isdecimal():  # its other form, a date, is rare here; the usual pause will do
            raise SinkBusy(said, float(wait[:6]), hint="the receiver is overloaded")
        raise SinkFailed(said, hint="check the URL and the token, and the receiver's own log")

    def _bearer(self) -> dict[str, str]:
        if not self._token_file:
            return {}
        return {"Authorization": f"Bearer {read_secret(self._token_file).decode('latin-1')}"}


def tls_context(ca_file: str) -> ssl.SSLContext:
    """Certificates and host names are checked; TLS 1.2 at least. Raises `SinkFailed`."""
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:  # ssl.SSLError is one
        raise SinkFailed(
            f"the certificates in {ca_file} cannot be used: {error}",
            hint="write the receiver's CA there, in PEM",
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def read_secret(path: str) -> bytes:
    """One line of a file, without its end. Raises `SinkFailed` if there is none."""
    try:
        secret = Path(path).read_bytes().strip()
    except OSError as error:
        raise SinkFailed(
            f"the secret in {path} cannot be read: {error.strerror}",
            hint="write it there, readable by root only",
        ) from error
    if not secret or b"\n" in secret or b"\r" in secret:
        raise SinkFailed(f"{path} holds no secret of one line", hint="write one line to it")
    return secret
