"""What a selftest needs beyond the agent's own client: load, create, start, remove."""

import http.client
import json
import socket
from typing import Any
from urllib.parse import quote

from agent.errors import EngineUnavailable


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class SelftestEngine:
    """Raises `EngineUnavailable` where the engine does not answer or refuses what must not be."""

    def __init__(self, path: str, *, timeout: float = 30.0) -> None:
        self._path, self._timeout = path, timeout

    def info(self) -> dict[str, Any]:
        """`docker info`."""
        return dict(self._must("GET", "/info"))

    def load(self, archive: bytes) -> None:
        """`docker load`."""
        self._must("POST", "/images/load?quiet=1", archive, "application/x-tar")

    def create(self, name: str, image: str, bind: str) -> str:
        """`docker create --network none`; returns the ID."""
        body = {"Image": image, "HostConfig": {"Binds": [bind], "NetworkMode": "none"}}
        content = json.dumps(body).encode()
        return str(self._must("POST", f"/containers/create?name={quote(name)}", content)["Id"])

    def start(self, container_id: str) -> int:
        """`docker start`; the HTTP status, since a refused start is what is hoped for."""
        return self._call("POST", f"/containers/{container_id}/start")[0]

    def state(self, container_id: str) -> dict[str, Any] | None:
        """Its state, None when it is gone."""
        status, answer = self._call("GET", f"/containers/{container_id}/json")
        return dict(answer["State"]) if status == 200 else None

    def remove(self, container_id: str, image: str) -> None:
        """Both, if they are there."""
        if container_id:
            self._call("DELETE", f"/containers/{container_id}?force=1&v=1")
        self._call("DELETE", f"/images/{quote(image, safe='')}?force=1")

    def _must(
        self, method: str, path: str, body: bytes = b"", kind: str = "application/json"
    ) -> Any:
        status, answer = self._call(method, path, body, kind)
        if status >= 300:
            said = answer.get("message") if isinstance(answer, dict) else answer
            raise EngineUnavailable(f"{method} {path.split('?', maxsplit=1)[0]}: {status}, {said}")
        return answer

    def _call(
        self, method: str, path: str, body: bytes = b"", kind: str = "application/json"
    ) -> tuple[int, Any]:
        connection = _UnixConnection(self._path, self._timeout)
        try:
            connection.request(method, path, body, {"Content-Type": kind})
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise EngineUnavailable(f"{self._path}: {error}") from error
        finally:
            connection.close()
        try:
            return answer.status, json.loads(content) if content else {}
        except ValueError:
            return answer.status, {}  # /images/load streams several documents
