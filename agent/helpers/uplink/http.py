"""Bytes to the collector and its answer back; knows neither records nor the spool.

Proxy, trust and limits are those of `core.network`; nothing is followed or tried twice here.
"""

from collections.abc import Mapping
from typing import Final

from agent.helpers.uplink.session import Reply, Unreachable
from core.network.web_client import WebClient
from core.network.web_errors import WebFailed
from core.network.web_exchange import WebLimits, WebRequest

SECONDS: Final = 60.0  # for one request as a whole


class Http:
    """One kept connection to one collector. `url` is its root; `ca_file` vouches for it (empty:
    the system's authorities do); `seconds` bound each request as a whole."""

    def __init__(self, url: str, *, ca_file: str = "", seconds: float = SECONDS) -> None:
        self._url = url.rstrip("/")
        self._client = WebClient(ca_file=ca_file, keep=1)
        self._limits = WebLimits(seconds)

    def post(self, path: str, content: bytes, headers: Mapping[str, str]) -> Reply:
        """POST it; the whole answer, of any status. Raises `Unreachable`."""
        sent = {"Accept": "application/json", **headers}
        try:
            answer = self._client.send(
                WebRequest("POST", self._url + path, sent, content), self._limits
            )
        except WebFailed as error:
            raise Unreachable(error.message, hint=error.hint) from error
        return Reply(answer.status, answer.headers, answer.body)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
