"""A real registry inside a machine of the lab, and the few calls of its API that tests need.

Source of the protocol: OCI distribution specification 1.1, push and pull.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.lab import tools
from tests.lab.built import BuiltImage, PlatformImage, digest
from tests.lab.errors import LabError
from tests.lab.machine import Machine
from tests.patience import PATIENCE

CONFIGURATION = """\
version: 0.1
log: {{level: info}}
storage:
  filesystem: {{rootdirectory: {root}}}
  delete: {{enabled: true}}
http: {{addr: "{address}"}}
"""


@dataclass(frozen=True, slots=True)
class Canned:
    """A registry's answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Registry:
    """Debian's docker-registry on the host's loopback; its storage lies in the work directory."""

    def __init__(self, host: Machine, *, port: int = 5000) -> None:
        self.host = host
        self.port = port
        self.address = f"127.0.0.1:{port}"
        self.directory = host.work / f"registry-{port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start serving what is stored and wait until it answers."""
        self.directory.mkdir(exist_ok=True)
        configuration = self.directory / "registry.yml"
        configuration.write_text(
            CONFIGURATION.format(root=self.directory / "data", address=self.address)
        )
        program = str(tools.docker_registry())
        with (self.directory / "registry.log").open("ab") as log:
            self._process = self.host.popen(
                [program, "serve", str(configuration)], stdout=log, stderr=log
            )
        end = time.monotonic() + PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                raise LabError(f"registry {self.address} is not up: see {log.name}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop serving; what is stored stays."""
        if self._process:
            self._process.terminate()
            self._process.wait(timeout=PATIENCE)
            self._process = None

    def push(self, image: BuiltImage, *, repository: str = "", tag: str = "") -> BuiltImage:
        """Push blobs, manifests and index as they are, under the image's own name or another."""
        repository, tag = repository or image.repository, tag or image.tag
        for one in image.images:
            self._push_platform(image, one, repository)
        if image.index is None:
            kind, content = image.media_type("manifest"), image.images[0].manifest
        else:
            kind, content = image.media_type("index"), image.index
        self.put_manifest(repository, tag, kind, content)
        return image

    def put_manifest(self, repository: str, reference: str, kind: str, content: bytes) -> str:
        """Store a manifest or an index and return its digest."""
        path = f"/v2/{repository}/manifests/{reference}"
        self._expect(201, self.request("PUT", path, content, {"Content-Type": kind}))
        return digest(content)

    def delete(self, repository: str, manifest_digest: str) -> None:
        """Delete a manifest or an index by digest."""
        path = f"/v2/{repository}/manifests/{manifest_digest}"
        self._expect(202, self.request("DELETE", path))

    def tags(self, repository: str) -> list[str]:
        """Return a repository's tags."""
        answer = self._expect(200, self.request("GET", f"/v2/{repository}/tags/list"))
        return list(json.loads(answer.body)["tags"] or [])

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Canned:
        """Send one request from inside the host's network."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.sock = self.host.connect("127.0.0.1", self.port)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            lowered = {name.lower(): value for name, value in response.getheaders()}
            return Canned(response.status, lowered, response.read())
        finally:
            connection.close()

    def _push_platform(self, image: BuiltImage, one: PlatformImage, repository: str) -> None:
        for blob in (one.config, *(layer.blob for layer in one.layers)):
            self._push_blob(repository, blob)
        self.put_manifest(
            repository, one.manifest_digest, image.media_type("manifest"), one.manifest
        )

    def _push_blob(self, repository: str, content: bytes) -> None:
        name = digest(content)
        if self.request("HEAD", f"/v2/{repository}/blobs/{name}").status == http.HTTPStatus.OK:
            return
        begun = self._expect(202, self.request("POST", f"/v2/{repository}/blobs/uploads/"))
        place = urlsplit(begun.headers["location"])
        query = f"{place.query}&digest={name}" if place.query else f"digest={name}"
        kind = {"Content-Type": "application/octet-stream"}
        self._expect(201, self.request("PUT", f"{place.path}?{query}", content, kind))

    def _expect(self, status: int, answer: Canned) -> Canned:
        if answer.status != status:
            words = answer.body[:300].decode(errors="replace")
            raise LabError(f"registry {self.address} answered {answer.status}: {words}")
        return answer

    def _answers(self) -> bool:
        try:
            return self.request("GET", "/v2/").status == http.HTTPStatus.OK
        except OSError:
            return False
