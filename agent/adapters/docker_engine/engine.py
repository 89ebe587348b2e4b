"""`ports.Engine` on Docker Engine 20.10 and newer, both image stores.

It looks containers up by the list call, which takes no container's lock and whose `ImageID` is
`container.Image` on every engine and store, also after tags moved, the image was deleted or the
container committed (20.10, 26.1, 28.5). It decides nothing.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from agent.adapters.docker_engine import engine_values
from agent.adapters.docker_engine.calls import Conflict, DockerCalls, NoSuch
from agent.adapters.docker_engine.engine_files import EngineFiles
from agent.errors import EngineRefused, EngineUnavailable
from agent.ports import EngineInfo
from core.image.digest import Digest, chain_ids
from core.image.identity import Container, ImageIdentity

QUICK_S = 1.0  # how long a look-up waits for an engine whose files can be read instead
KILL_S = 12.0  # the engine itself waits 10 s for a killed process before it answers


class DockerEngine:
    """One Docker Engine behind a unix socket; every method may be called from any thread.

    `timeout` is in seconds. `root_dir` is the engine's root; left empty, it is learned from the
    engine's first answer to `info`, which the owner calls once after every (re)connection. With
    it, `container` reads the engine's files while the engine does not answer within a second.
    """

    def __init__(self, socket_path: str, *, timeout: float = 10.0, root_dir: str = "") -> None:
        self._calls = DockerCalls(socket_path, timeout=timeout)
        self._timeout = timeout
        self._files = EngineFiles(root_dir) if root_dir else None
        self._containerd_store: bool | None = None  # until `info` was asked

    def info(self) -> EngineInfo:
        """See `ports.Engine`."""
        answer = self._calls.call("GET", "/info")
        info = engine_values.engine_info(answer, self._calls.api_version)
        self._containerd_store = info.containerd_store
        if info.root_dir:
            self._files = EngineFiles(info.root_dir)
        return info

    def containers(self) -> Sequence[Container]:
        """See `ports.Engine`. One damaged container can make the engine refuse the whole list;
        then its files are read."""
        try:
            return self._list({}, self._timeout)
        except EngineRefused:
            if self._files is None:
                raise
            return list(self._files.containers())

    def container(self, container_id: str) -> Container | None:
        """See `ports.Engine`. Takes the full ID, or a prefix that means one container only."""
        try:
            filters = {"filters": json.dumps({"id": [container_id]})}
            found = self._list(filters, QUICK_S if self._files else self._timeout)
        except EngineUnavailable:
            if self._files is None:
                raise
            return self._files.container(container_id)
        matching = [container for container in found if container.id.startswith(container_id)]
        return matching[0] if len(matching) == 1 else None

    def chain(self, image: ImageIdentity) -> ImageIdentity:
        """See `ports.Engine`. The chain stays empty where it cannot be had for certain."""
        return replace(image, chain=chain_ids(self._diff_ids(image)))

    def image(self, reference: str) -> ImageIdentity | None:
        """See `ports.Engine`. With the containerd store the ID is the index's or manifest's digest,
        and `manifest` the one platform's manifest that is present, where that is unambiguous."""
        try:
            found = self._inspect_image(reference, self._timeout)
        except NoSuch:
            return None
        except EngineRefused as error:
            if "invalid reference" in error.message:
                return None
            raise
        return engine_values.identity(found.get("Id"), _only_manifest(found))

    def evidence(self, container: Container) -> Mapping[str, Any]:
        """See `ports.Engine`. Holds `container` (the engine's record or inspect), `host_config`,
        `image` and `history`, as far as they were to be had within a second each; environment
        variables are among it, so keep it from readers other than root."""
        parts: dict[str, Callable[[], Any]] = {
            "container": lambda: self._record(container.id),
            "host_config": lambda: (
                self._files and self._files.document(container.id, "hostconfig.json")
            ),
        }
        if container.image:
            name = str(container.image.image_id)
            parts["image"] = lambda: self._inspect_image(name, QUICK_S)
            parts["history"] = lambda: self._calls.call(
                "GET", f"/images/{name}/history", timeout=QUICK_S
            )
        captured = {}
        for part, capture in parts.items():
            with suppress(EngineUnavailable):  # evidence is what can be had
                captured[part] = capture()
        return {part: value for part, value in captured.items() if value}

    def macvlan_parents(self) -> Sequence[str]:
        """The host's devices under macvlan and ipvlan networks, whose containers' packets pass the
        ordinary firewall by; empty while the engine does not answer."""
        with suppress(EngineUnavailable):
            networks = self._calls.call("GET", "/networks")
            return sorted(engine_values.parents(networks))
        return ()

    def container_at(self, address: str) -> str:
        """The name of the container that has this IP address; empty if none is known."""
        with suppress(EngineUnavailable):
            listed = self._calls.call("GET", "/containers/json", timeout=QUICK_S)
            return engine_values.name_at(listed, address)
        return ""

    def kill(self, container_id: str) -> None:
        """See `ports.Engine`. Quiet when it is not running."""
        self._act("POST", container_id, "/kill", wait=KILL_S, fulfilled=("is not running",))

    def stop(self, container_id: str, timeout: float) -> None:
        """See `ports.Engine`. Quiet when it is not running; whole seconds, rounded up."""
        seconds = math.ceil(timeout)
        params = {"t": str(seconds)}
        done = ("is not running", "HTTP status 304")
        self._act("POST", container_id, "/stop", params, wait=seconds + KILL_S, fulfilled=done)

    def pause(self, container_id: str) -> None:
        """See `ports.Engine`. Quiet when it is paused already or not running."""
        self._act("POST", container_id, "/pause", fulfilled=("already paused", "is not running"))

    def remove(self, container_id: str) -> None:
        """See `ports.Engine`. Quiet when its removal is under way."""
        params = {"force": "1", "v": "1"}
        done = ("already in progress",)
        self._act("DELETE", container_id, "", params, wait=KILL_S, fulfilled=done)

    def _act(
        self,
        method: str,
        container_id: str,
        verb: str,
        params: Mapping[str, str] | None = None,
        *,
        wait: float = 0.0,
        fulfilled: Iterable[str],
    ) -> None:
        path = f"/containers/{quote(container_id, safe='')}{verb}"
        try:
            self._calls.call(method, path, params, timeout=self._timeout + wait)
        except NoSuch:
            return
        except Conflict as error:
            if not any(words in error.message for words in fulfilled):
                raise

    def _list(self, filters: Mapping[str, str], timeout: float) -> list[Container]:
        params = {"all": "1", **filters}
        answer = self._calls.call("GET", "/containers/json", params, timeout=timeout)
        return [self._whole(engine_values.listed(entry)) for entry in answer]

    def _whole(self, container: Container) -> Container:
        """Engines 25 to 27 with the containerd store keep the manifest on disk only."""
        if not (self._containerd_store and self._files and container.image):
            return container
        if container.image.manifest:
            return container
        recorded = self._files.container(container.id)
        return replace(container, image=recorded.image) if recorded else container

    def _diff_ids(self, image: ImageIdentity) -> Sequence[Digest]:
        if self._containerd_store is None:
            self.info()
        if self._containerd_store:
            # Inspect would show whichever platform of an index the engine prefers.
            return self._files.diff_ids(image.manifest or image.image_id) if self._files else ()
        try:
            return engine_values.diff_ids(self._inspect_image(str(image.image_id), self._timeout))
        except NoSuch:
            return ()

    def _inspect_image(self, reference: str, timeout: float) -> dict[str, Any]:
        path = f"/images/{quote(reference, safe='/:@')}/json"
        found: dict[str, Any] = self._calls.call("GET", path, {"manifests": "1"}, timeout=timeout)
        return found

    def _record(self, container_id: str) -> Any:
        if self._files and (record := self._files.document(container_id, "config.v2.json")):
            return record
        return self._calls.call("GET", f"/containers/{quote(container_id)}/json", timeout=QUICK_S)


def _only_manifest(image: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The descriptor of the one platform's manifest whose content is present, if it is one."""
    present = [
        entry
        for entry in image.get("Manifests") or ()
        if entry.get("Kind") == "image" and entry.get("Available")
    ]
    descriptor = present[0].get("Descriptor") if len(present) == 1 else None
    return descriptor if isinstance(descriptor, Mapping) else None
