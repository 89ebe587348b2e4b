"""POSTs bytes to one URL and distinguishes lasting refusals from passing faults; knows no format.

Proxy, trust and limits are those of `core.network`. Redirects are not followed: a POST's body must
not wander to a place nobody configured.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from agent.errors import SinkBusy, SinkFailed, SinkRefused
from core.network.retry_delay import retry_after
from core.network.web_address import without_secrets
from core.network.web_client import WebClient
from core.network.web_errors import WebFailed
from core.network.web_exchange import WebLimits, WebRequest, WebResponse

SECONDS: Final = 30.0  # for one request as a whole
LONGEST_ANSWER: Final = 65_536  # bytes read of an answer
# Statuses that refuse this very body for good; a wrong URL or token can be corrected.
POISON: Final = frozenset({400, 413, 415, 422})


class Web:
    """One receiver's URL with its trust."""

    def __init__(
        self, url: str, *, ca_file: str = "", token_file: str = "", seconds: float = SECONDS
    ) -> None:
        """`ca_file` holds the PEM certificates that are trusted instead of the system's;
        `token_file` a bearer token, read for every request so that it can be renewed."""
        self._url, self._token_file = url, token_file
        self._client = WebClient(ca_file=ca_file)
        self._limits = WebLimits(seconds, LONGEST_ANSWER, cut=True)

    def post(self, body: bytes, headers: Mapping[str, str]) -> bytes:
        """The answer's body. Raises as `ports.Transport.send` does."""
        request = WebRequest("POST", self._url, {**headers, **self._bearer()}, body)
        try:
            answer = self._client.send(request, self._limits)
        except WebFailed as error:
            raise SinkFailed(
                error.message, hint=error.hint or "check the URL, the network and the receiver"
            ) from error
        if 200 <= answer.status < 300:
            return answer.body
        raise self._refusal(answer)

    def _refusal(self, answer: WebResponse) -> SinkFailed:
        text = answer.body[:200].decode(errors="replace")
        said = f"{without_secrets(self._url)} answered {answer.status}: {text!r}"
        if answer.status in POISON:
            return SinkRefused(said, hint="the finding stays in the findings file of this host")
        if (wait := retry_after(answer.headers)) is not None:
            return SinkBusy(said, wait, hint="the receiver is overloaded")
        return SinkFailed(said, hint="check the URL and the token, and the receiver's own log")

    def _bearer(self) -> dict[str, str]:
        if not self._token_file:
            return {}
        return {"Authorization": f"Bearer {read_secret(self._token_file).decode('latin-1')}"}


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
