"""The engine's JSON as domain values; pure, and at home with missing or odd fields."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from agent.ports import EngineInfo
from core.base_errors import InvalidDigest
from core.image.digest import Digest
from core.image.identity import Container, ContainerState, ImageIdentity

NO_IMAGE = ImageIdentity(Digest.of(b""))
"""The marker for "created without an image" (API: `Image: ""`): such a container has an empty
root, an empty image ID, and runs whatever is mounted into it (20.10 to 28.5). It must be evaluated
like any other, so its identity is the digest of nothing, which nobody can have approved."""


def digest_or_none(text: object) -> Digest | None:
    """The digest a field holds, if it holds one."""
    try:
        return Digest.parse(text) if isinstance(text, str) else None
    except InvalidDigest:
        return None


def identity(image_id: object, descriptor: object) -> ImageIdentity | None:
    """An image ID and, where the engine has it, an OCI descriptor of the platform's manifest."""
    if image_id == "":
        return NO_IMAGE
    digest = digest_or_none(image_id)
    if digest is None:
        return None
    manifest = descriptor.get("digest") if isinstance(descriptor, Mapping) else None
    return ImageIdentity(digest, digest_or_none(manifest))


def listed(entry: Mapping[str, Any]) -> Container:
    """One entry of `GET /containers/json`."""
    names = entry.get("Names") or [""]
    # Links add names such as /other/alias; the container's own has a single slash.
    own = next((name for name in names if name.count("/") == 1), names[0])
    created = entry.get("Created")
    return Container(
        id=str(entry.get("Id", "")),
        name=own.lstrip("/"),
        image=identity(entry.get("ImageID"), entry.get("ImageManifestDescriptor")),
        state=state(entry.get("State")),
        claimed_reference=entry.get("Image") or "",
        command=entry.get("Command") or "",
        labels=entry.get("Labels") or {},
        created_at=datetime.fromtimestamp(created, UTC) if isinstance(created, int) else None,
    )


def recorded(config: Mapping[str, Any]) -> Container:
    """The content of a container's `config.v2.json`."""
    settings = config.get("Config") or {}
    return Container(
        id=str(config.get("ID", "")),
        name=str(config.get("Name", "")).lstrip("/"),
        image=identity(config.get("Image"), config.get("ImageManifest")),
        state=_recorded_state(config.get("State") or {}),
        claimed_reference=settings.get("Image") or "",
        command=" ".join([config.get("Path") or "", *(config.get("Args") or ())]),
        labels=settings.get("Labels") or {},
        created_at=_instant(config.get("Created")),
    )


def state(word: object) -> ContainerState:
    """The engine's word for a container's state."""
    try:
        return ContainerState(str(word))
    except ValueError:
        return ContainerState.UNKNOWN


def _recorded_state(flags: Mapping[str, Any]) -> ContainerState:
    # The order is that of moby's State.StateString: a paused one is running, too.
    for flag, meaning in (
        ("Paused", ContainerState.PAUSED),
        ("Restarting", ContainerState.RESTARTING),
        ("Running", ContainerState.RUNNING),
        ("RemovalInProgress", ContainerState.REMOVING),
        ("Dead", ContainerState.DEAD),
    ):
        if flags.get(flag):
            return meaning
    never = str(flags.get("StartedAt", "0001-")).startswith("0001-")
    return ContainerState.CREATED if never else ContainerState.EXITED


def _instant(text: object) -> datetime | None:
    # The engine writes nanoseconds, which fromisoformat cuts to microseconds.
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def engine_info(info: Mapping[str, Any], api_version: str) -> EngineInfo:
    """The answer to `GET /info`, and the API version that came as a header with it."""
    driver_status = info.get("DriverStatus") or ()
    return EngineInfo(
        version=info.get("ServerVersion") or "",
        api_version=api_version,
        cgroup_driver=info.get("CgroupDriver") or "none",
        cgroup_version=info.get("CgroupVersion") or "1",
        storage_driver=info.get("Driver") or "",
        containerd_store=any("io.containerd.snapshotter.v1" in pair for pair in driver_status),
        root_dir=info.get("DockerRootDir") or "",
        live_restore=bool(info.get("LiveRestoreEnabled")),
    )


def diff_ids(image: Mapping[str, Any]) -> Sequence[Digest]:
    """The uncompressed layers of an image inspect; empty if any of them is not a digest."""
    layers = [digest_or_none(text) for text in (image.get("RootFS") or {}).get("Layers") or ()]
    known = [layer for layer in layers if layer]
    return known if len(known) == len(layers) else ()


def parents(networks: Any) -> set[str]:
    """The parent devices of the macvlan and ipvlan networks in an answer to `/networks`."""
    found: set[str] = set()
    for network in networks if isinstance(networks, list) else ():
        options = network.get("Options") if isinstance(network, dict) else None
        if network_driver(network) in ("macvlan", "ipvlan") and isinstance(options, dict):
            parent = options.get("parent")
            found |= {parent.partition(".")[0]} if isinstance(parent, str) and parent else set()
    return found


def network_driver(network: Any) -> str:
    """The driver that a network's entry names."""
    driver = network.get("Driver") if isinstance(network, dict) else None
    return driver if isinstance(driver, str) else ""


def name_at(containers: Any, address: str) -> str:
    """The name of the listed container that has this address on any of its networks."""
    for entry in containers if isinstance(containers, list) else ():
        settings = entry.get("NetworkSettings") if isinstance(entry, dict) else None
        networks = settings.get("Networks") if isinstance(settings, dict) else None
        for network in networks.values() if isinstance(networks, dict) else ():
            if isinstance(network, dict) and address in (
                network.get("IPAddress"),
                network.get("GlobalIPv6Address"),
            ):
                return listed(entry).name
    return ""
