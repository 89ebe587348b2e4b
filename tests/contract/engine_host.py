"""What the engine's contract needs from a host, simulated or real."""

import http
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent.adapters.docker_engine import DockerEngine, DockerEvents
from agent.ports import Engine, EventStream
from core.image.digest import Digest, chain_ids
from core.image.identity import ImageIdentity
from tests.fakes.engine import FakeEngine
from tests.lab import archives, images
from tests.lab.host import LabHost
from tests.patience import PATIENCE

PLATFORM = "linux/amd64"
_serial = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Made:
    """An image on the host: a name for it, the ID it must have, its whole chain's ID."""

    reference: str
    image_id: Digest
    chain_id: Digest


class EngineHost(Protocol):
    """A host and its engine's adapter, under test."""

    engine: Engine

    def events(self) -> EventStream: ...

    def image(self) -> Made:
        """Bring a new image to the host."""
        ...

    def tag(self, made: Made, reference: str) -> None: ...

    def delete_image(self, reference: str) -> None: ...

    def create(
        self, reference: str, *, labels: Mapping[str, str] | None = None, restart: bool = False
    ) -> str:
        """A container that sleeps; its name is `lab-<n>`."""
        ...

    def start(self, container_id: str) -> None: ...

    def hang(self) -> None: ...

    def resume(self) -> None: ...

    def crash(self) -> None: ...

    def restart(self) -> None: ...


class FakeEngineHost:
    """The simulated host."""

    def __init__(self, *, containerd_store: bool) -> None:
        self.engine = FakeEngine(containerd_store=containerd_store)
        self.events = self.engine.events
        self.delete_image = self.engine.delete_image
        self.start = self.engine.start
        self.hang = self.engine.hang
        self.resume = self.engine.resume
        self.crash = self.engine.crash
        self.restart = self.engine.restart

    def image(self) -> Made:
        reference = f"lab/image-{next(_serial)}:1"
        layers = (Digest.of(b"base"), Digest.of(reference.encode()))
        identity = ImageIdentity(Digest.of(f"config of {reference}".encode()))
        self.engine.load_image(identity, reference, diff_ids=layers)
        return Made(reference, identity.image_id, chain_ids(layers)[-1])

    def tag(self, made: Made, reference: str) -> None:
        self.engine.tag(reference, ImageIdentity(made.image_id))

    def create(
        self, reference: str, *, labels: Mapping[str, str] | None = None, restart: bool = False
    ) -> str:
        name = f"lab-{next(_serial)}"
        return self.engine.create(reference, name, labels=labels, restart=restart)


class RealEngineHost:
    """A lab host; people act on it by the engine's raw API, past the adapter under test."""

    def __init__(self, host: LabHost, folder: Path) -> None:
        self._host = host
        self._folder = folder
        self.engine = self._reached(PATIENCE)
        self.crash = host.kill_engine

    def _reached(self, timeout: float) -> DockerEngine:
        """The adapter, which has learned of the engine what it needs while that hangs."""
        self._timeout = timeout
        engine = DockerEngine(str(self._host.docker_socket), timeout=timeout)
        engine.info()
        return engine

    def hang(self) -> None:
        self.engine = self._reached(3.0)  # s; each call to a hanging engine takes that long
        self._host.pause_engine()

    def resume(self) -> None:
        self._host.resume_engine()
        self.engine = self._reached(PATIENCE)

    def events(self) -> DockerEvents:
        return DockerEvents(str(self._host.docker_socket), timeout=self._timeout)

    def image(self) -> Made:
        built = images.build(f"lab/image-{next(_serial)}", self._host.name)
        archive = self._folder / f"{next(_serial)}.tar"
        if self._host.store == "containerd":
            archives.oci_archive(built, archive)
            image_id = built.top_digest
        else:
            archives.docker_archive(built, archive, platform=PLATFORM)
            image_id = built.config_digests[PLATFORM]
        self._host.docker("load", "-i", str(archive))
        chain_id = built.chain_ids[PLATFORM]
        return Made(built.reference(), Digest.parse(image_id), Digest.parse(chain_id))

    def tag(self, made: Made, reference: str) -> None:
        repository, _, tag = reference.rpartition(":")
        self._do("POST", f"/images/{made.image_id}/tag?repo={repository}&tag={tag}")

    def delete_image(self, reference: str) -> None:
        self._do("DELETE", f"/images/{reference}?force=1")

    def create(
        self, reference: str, *, labels: Mapping[str, str] | None = None, restart: bool = False
    ) -> str:
        policy = "always" if restart else "no"
        body = {
            "Image": reference,
            "Cmd": ["/bin/sh", "-c", "exec sleep 1000"] if reference else ["/none"],
            "Labels": dict(labels or {}),
            "HostConfig": {"NetworkMode": "none", "RestartPolicy": {"Name": policy}},
        }
        answer = self._do("POST", f"/containers/create?name=lab-{next(_serial)}", body)
        return str(answer["Id"])

    def start(self, container_id: str) -> None:
        self._do("POST", f"/containers/{container_id}/start")

    def restart(self) -> None:
        if self._host.running:
            self._host.stop_engine()
        self._host.start_engine()

    def _do(self, method: str, target: str, body: object = None) -> dict[str, str]:
        status, answer = self._host.api(method, target, body)
        assert status < http.HTTPStatus.BAD_REQUEST, (method, target, status, answer)
        return answer if isinstance(answer, dict) else {}
