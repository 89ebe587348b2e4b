"""Single calls to the engine's API, errors named; each opens a new connection.

docs/adr/0005 reports why not through docker-py.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec

from agent.adapters.docker_engine.stream import Response, broken
from agent.errors import EngineRefused


class NoSuch(EngineRefused):
    """The engine has no such container or image (HTTP 404)."""


class Conflict(EngineRefused):
    """It is not in a state for that (HTTP 304 or 409)."""


# 301: the name holds // or .. and would lead elsewhere; nothing can bear it.
_KINDS = {301: NoSuch, 304: Conflict, 404: NoSuch, 409: Conflict}


class DockerCalls:
    """Calls over one unix socket, from any number of threads; nothing is tried twice.

    Paths carry no API version: the engine then speaks its newest, also after an upgrade.
    """

    def __init__(self, socket_path: str, *, timeout: float) -> None:
        self._path = socket_path
        self._timeout = timeout
        self.api_version = ""  # as the engine's last answer named it

    def call(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        timeout: float | None = None,
    ) -> Any:
        """The decoded answer, or None where it has no body.

        `timeout` (seconds) bounds the connection and each wait for data. Raises `NoSuch`,
        `Conflict`, `EngineRefused` for other refusals, else `EngineUnavailable`.
        """
        target = f"{path}?{urlencode(params)}" if params else path
        wait = timeout or self._timeout
        answer = Response(self._path, target, method=method, timeout=wait, body_timeout=wait)
        try:
            content = b"".join(answer.body())
        finally:
            answer.close()
        if len(content) < int(answer.headers.get("content-length") or 0):
            raise broken("it ended before its body did")
        self.api_version = answer.headers.get("api-version", self.api_version)
        return _answer(answer.status, content, f"{method} {path}")


def _answer(status: int, content: bytes, what: str) -> Any:
    if status == 204 or (status < 300 and not content):
        return None
    try:
        answer = msgspec.json.decode(content) if content else {}
    except msgspec.DecodeError as error:
        if status < 300:
            raise broken(str(error)) from error
        answer = {}
    if status < 300:
        return answer
    message = answer.get("message", "") if isinstance(answer, dict) else ""
    kind = _KINDS.get(status, EngineRefused)
    raise kind(
        f"{what}: HTTP status {status}, {message or content[:200]!r}",
        hint="the engine's message says why; see also: journalctl -u docker",
    )
