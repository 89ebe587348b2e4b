"""`ports.Engine` over the simulated host; what it answers is what the real engine would."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agent.errors import EngineRefused, EngineUnavailable
from agent.ports import EngineInfo
from core.image.identity import Container, ContainerState, ImageIdentity
from tests.fakes.host import FakeHost, Fate, Simulated

__all__ = ["FakeEngine", "Fate"]


@dataclass(slots=True)
class FakeEngine(FakeHost):
    """The engine of a simulated host, with the host's own methods to set the scene."""

    def info(self) -> EngineInfo:
        """See `ports.Engine`."""
        self._require_answer()
        driver = "overlayfs" if self.containerd_store else "overlay2"
        return EngineInfo(
            version="28.5.2",
            api_version="1.51",
            cgroup_driver="cgroupfs",
            cgroup_version="2",
            storage_driver=driver,
            containerd_store=self.containerd_store,
            root_dir="/var/lib/docker",
            live_restore=self.live_restore,
        )

    def containers(self) -> Sequence[Container]:
        """See `ports.Engine`."""
        self._require_answer()
        return [self._seen(one) for one in list(self.known.values())]

    def container(self, container_id: str) -> Container | None:
        """See `ports.Engine`."""
        if not self.readable_files:
            self._require_answer()
        one = self.known.get(container_id)
        return self._seen(one) if one else None

    def chain(self, image: ImageIdentity) -> ImageIdentity:
        """See `ports.Engine`."""
        self._require_answer()
        return replace(image, chain=self._chains.get(image.image_id, ()))

    def image(self, reference: str) -> ImageIdentity | None:
        """See `ports.Engine`."""
        self._require_answer()
        if reference in self.images:
            return self.images[reference]
        wanted = reference.removeprefix("sha256:")
        return next((i for i in self.images.values() if i.image_id.hex.startswith(wanted)), None)

    def evidence(self, container: Container) -> Mapping[str, Any]:
        """See `ports.Engine`."""
        if self.hung or not self.up:
            return {}
        return {"container": {"ID": container.id, "Name": container.name}, "history": []}

    def kill(self, container_id: str) -> None:
        """See `ports.Engine`."""
        if one := self._free(container_id):
            one.stopped_by_hand = True
            if one.state is ContainerState.RESTARTING:
                one.state = ContainerState.EXITED
            self._die(one)

    def stop(self, container_id: str, timeout: float) -> None:  # noqa: ARG002 - nothing here resists
        """See `ports.Engine`."""
        self.kill(container_id)

    def pause(self, container_id: str) -> None:
        """See `ports.Engine`."""
        one = self._free(container_id)
        if one and one.state is ContainerState.RESTARTING:
            raise EngineRefused(f"Container {container_id} is restarting")
        if one and one.state is ContainerState.RUNNING:
            one.state = ContainerState.PAUSED
            self._emit_of(container_id, "pause")

    def remove(self, container_id: str) -> None:
        """See `ports.Engine`."""
        if one := self._free(container_id):
            one.stopped_by_hand = True
            self._die(one)
            self._emit_of(container_id, "destroy")
            self.known.pop(container_id, None)

    def _free(self, container_id: str) -> Simulated | None:
        """The container once nothing holds its lock; None when it is gone."""
        self._require_answer()
        one = self.known.get(container_id)
        if one and one.held:
            with self.hub.changed:
                self.hub.changed.wait_for(lambda: not one.held, timeout=self.patience)
            if one.held:
                raise EngineUnavailable(f"container {one.name} is locked by its start")
        return one

    def _seen(self, one: Simulated) -> Container:
        return Container(
            id=one.id,
            name=one.name,
            image=one.image,
            state=one.state,
            claimed_reference=one.reference,
            command="sleep 1000",
            labels=one.labels,
            created_at=one.created_at,
        )
