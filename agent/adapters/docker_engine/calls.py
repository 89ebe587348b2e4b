"""Single calls to the engine's API, errors named: questions by our own reader, acts by docker-py.

Questions (GET) are asked all day and stand between a container and its verdict: the small reader
answers in half the time and keeps docker-py out of an idle agent's memory (docs/adr/0005). The
only module that knows docker-py; it is imported at the first act, and weighs 12 MiB whichever part
of it is asked for, since `docker/__init__` imports all (docker-py 7.2).
"""

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec

from agent.adapters.docker_engine.stream import Response, broken
from agent.errors import EngineRefused, EngineUnavailable

if TYPE_CHECKING:
    import docker

_HANGS = "the engine hangs or is overloaded; see: journalctl -u docker"
_DOWN = "is the engine running? See: systemctl status docker"


class NoSuch(EngineRefused):
    """The engine has no such container or image (HTTP 404)."""


class Conflict(EngineRefused):
    """It is not in a state for that (HTTP 304 or 409)."""


# 301: the name holds // or .. and would lead elsewhere; nothing can bear it.
_KINDS = {301: NoSuch, 304: Conflict, 404: NoSuch, 409: Conflict}


class DockerCalls:
    """Calls over one unix socket, from any number of threads; nothing is ever tried twice.

    Paths carry no API version: the engine then speaks its newest, also after an upgrade.
    """

    def __init__(self, socket_path: str, *, timeout: float) -> None:
        self._path = socket_path
        self._timeout = timeout
        self._lock = threading.Lock()
        self._client: docker.APIClient | None = None
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
        if method == "GET":
            return self._ask(path, params, timeout or self._timeout)
        return self._act(method, path, params, timeout or self._timeout)

    def _ask(self, path: str, params: Mapping[str, str] | None, timeout: float) -> Any:
        target = f"{path}?{urlencode(params)}" if params else path
        stream = Response(self._path, target, timeout=timeout, body_timeout=timeout)
        try:
            content = b"".join(stream.body())
        finally:
            stream.close()
        if len(content) < int(stream.headers.get("content-length") or 0):
            raise broken("it ended before its body did")
        self.api_version = stream.headers.get("api-version", self.api_version)
        return _answer(stream.status, content, f"GET {path}")

    def _act(
        self, method: str, path: str, params: Mapping[str, str] | None, timeout: float
    ) -> Any:
        import requests

        client = self._connected()
        try:
            response = client.request(
                method,
                f"{client.base_url}{path}",
                params=params,
                timeout=timeout,
                allow_redirects=False,
            )
        except requests.Timeout as error:
            raise EngineUnavailable(f"{self._path} does not answer in time", hint=_HANGS) from error
        except requests.RequestException as error:
            raise EngineUnavailable(
                f"{self._path} cannot be reached: {error}", hint=_DOWN
            ) from error
        self.api_version = response.headers.get("Api-Version", self.api_version)
        return _answer(response.status_code, response.content, f"{method} {path}")

    def _connected(self) -> "docker.APIClient":
        with self._lock:
            if self._client is None:
                import docker

                # A fixed version keeps the constructor from asking the engine; see the class.
                self._client = docker.APIClient(
                    f"unix://{self._path}", version="1.41", timeout=self._timeout
                )
                self._client.trust_env = False  # a proxy in the environment is not meant for this
            return self._client


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
        hint="the engine's own words say why; see also: journalctl -u docker",
    )
