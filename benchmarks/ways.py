"""The ways in which people and programs start a container; each with a probe as its command.

All reach the engine by its socket from outside the lab host, so that no namespace has to be
entered first. Each returns what went wrong in words (being refused is expected here), or "".
"""

import json
import subprocess
import threading
from collections.abc import Callable, Mapping
from http.client import HTTPException
from typing import Any

from tests.lab.host import LabHost
from tests.lab.probe import Probe
from tests.lab.unix_http import UnixConnection

Start = Callable[[str, str, Probe], str]  # name, image reference, probe -> error

_LONGEST_S = 60.0


class Ways:
    """The ways of starting a container on one host; safe to use from many threads."""

    def __init__(self, host: LabHost) -> None:
        import docker

        self._host = host
        self._docker = docker.DockerClient(
            f"unix://{host.docker_socket}", version="auto", timeout=int(_LONGEST_S)
        )
        self._of_thread = threading.local()
        self.by_name: Mapping[str, Start] = {
            "cli": self.cli,
            "docker-py": self.docker_py,
            "api": self.api,
        }

    def cli(self, name: str, image: str, probe: Probe) -> str:
        """`docker run -d`."""
        options = ("--name", name, "-v", probe.volume)
        return self.client("run", "-d", *options, image, *probe.command)

    def client(self, *arguments: str) -> str:
        """Any command of the engine's own client."""
        try:
            done = subprocess.run(
                [self._host.engine.program("docker"), *arguments],
                check=False,
                env=self._host.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_LONGEST_S,
            )
        except subprocess.TimeoutExpired as error:
            return str(error)
        return done.stderr.strip() if done.returncode else ""

    def docker_py(self, name: str, image: str, probe: Probe) -> str:
        """docker-py's `containers.run`."""
        from docker.errors import DockerException
        from requests import RequestException

        try:
            self._docker.containers.run(
                image, list(probe.command), detach=True, name=name, volumes=[probe.volume]
            )
        except (DockerException, RequestException) as error:
            return str(error)
        return ""

    def api(self, name: str, image: str, probe: Probe) -> str:
        """Create and start back to back on one open connection, nothing in between."""
        body = {
            "Image": image,
            "Cmd": list(probe.command),
            "HostConfig": {"Binds": [probe.volume]},
        }
        try:
            status, answer = self._call(f"/containers/create?name={name}", body)
            if status == 201:
                status, answer = self._call(f"/containers/{answer['Id']}/start", None)
        except (OSError, HTTPException) as error:
            self._of_thread.connection = None
            return repr(error)
        return "" if status == 204 else str(answer)

    def close(self) -> None:
        """Close docker-py's connections."""
        self._docker.close()

    def _call(self, target: str, body: Any) -> tuple[int, Any]:
        connection = getattr(self._of_thread, "connection", None)
        if connection is None:
            connection = UnixConnection(self._host.docker_socket, timeout_s=_LONGEST_S)
            self._of_thread.connection = connection
        content = b"" if body is None else json.dumps(body).encode()
        connection.request("POST", target, content, {"Content-Type": "application/json"})
        response = connection.getresponse()
        raw = response.read()
        return response.status, json.loads(raw) if raw else None
