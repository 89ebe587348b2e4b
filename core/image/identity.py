"""What a container and its image are, as the engine itself computed them; never by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.image.digest import Digest


@dataclass(frozen=True, slots=True)
class ImageIdentity:
    """The digests by which an image is evaluated.

    `image_id` is `container.Image`: the config digest with classic stores, the index or
    manifest digest with the containerd store. `manifest` is `ImageManifestDescriptor.digest`
    where the engine reports it. `chain` holds the chain ID of every prefix of the layer stack,
    lowest first; it is empty when it was not looked up (only `derived` needs it).
    """

    image_id: Digest
    manifest: Digest | None = None
    chain: tuple[Digest, ...] = ()

    @property
    def digests(self) -> frozenset[Digest]:
        """Every content digest that may be compared with an approval."""
        return frozenset(
            {self.image_id} if self.manifest is None else {self.image_id, self.manifest}
        )


class ContainerState(StrEnum):
    """The engine's own words for what a container is doing (API, `State`)."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"
    UNKNOWN = "unknown"

    @property
    def is_live(self) -> bool:
        """Whether its processes exist."""
        return self in (ContainerState.RUNNING, ContainerState.PAUSED, ContainerState.RESTARTING)


@dataclass(frozen=True, slots=True)
class Container:
    """A container as the engine lists it.

    `claimed_reference`, `name`, `labels` and `command` are what people typed: fit for a
    report, never for a verdict. `image` is None where the engine could not report it.
    """

    id: str
    name: str
    image: ImageIdentity | None
    state: ContainerState
    claimed_reference: str = ""
    command: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    created_at: datetime | None = None
