"""Manifests, indexes and image configs as values; pure: bytes in, values or one error out.

Formats: OCI image-spec 1.1 (manifest.md, image-index.md, config.md) and Docker's image manifest
version 2, schema 2.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from core.base_errors import InvalidDigest
from core.image.digest import Digest
from registrar.registry.registry_errors import NotAsClaimed

OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
DOCKER_INDEX: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
INDEXES: Final = frozenset({OCI_INDEX, DOCKER_INDEX})
MANIFESTS: Final = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
IMAGE_CONFIGS: Final = frozenset(
    {
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json",
    }
)
ACCEPT: Final = ", ".join((OCI_INDEX, DOCKER_INDEX, OCI_MANIFEST, DOCKER_MANIFEST))
MOST_ENTRIES: Final = 1_000  # of one index or manifest
LARGEST: Final = 1 << 40  # bytes of one blob


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What points to content: OCI descriptor.md. `platform` is the text as engines write it
    (`linux/arm/v7`), empty where the descriptor names none."""

    media_type: str
    digest: Digest
    size: int
    platform: str = ""
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest or index as the registry handed it out: raw bytes and what they hash to."""

    media_type: str
    digest: Digest
    content: bytes

    @property
    def is_index(self) -> bool:
        """Whether it lists other manifests."""
        return self.media_type in INDEXES


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What of an image's config approvals need."""

    platform: str
    diff_ids: tuple[Digest, ...]


def media_type_of(content: bytes, claimed: str, at: str) -> str:
    """Of which known type the document is. One that could be read as another type than the
    registry claims is refused (GHSA-mc8v-mgrf-8f4m). `claimed` is the Content-Type or empty."""
    document = decoded(content, at)
    stated = document.get("mediaType") or claimed.partition(";")[0].strip()
    if document.get("schemaVersion") != 2 or stated not in INDEXES | MANIFESTS:
        raise NotAsClaimed(
            f"{at} is not an image manifest or index of version 2 ({stated or 'no media type'})",
            hint="push the image again with a current docker, buildah or skopeo",
        )
    claim = claimed.partition(";")[0].strip()
    as_index = "manifests" in document
    if (
        (claim in INDEXES | MANIFESTS and claim != stated)
        or as_index != (stated in INDEXES)
        or (as_index and ("layers" in document or "config" in document))
    ):
        raise NotAsClaimed(
            f"{at} can be read as an index and as a manifest ({claim}, {stated})",
            hint="do not use this image: it looks forged",
        )
    return str(stated)


def entries(manifest: Manifest, at: str) -> tuple[Descriptor, ...]:
    """What an index lists, in its order."""
    return _descriptors(decoded(manifest.content, at).get("manifests"), f"{at}: manifests")


def config_and_layers(manifest: Manifest, at: str) -> tuple[Descriptor, tuple[Descriptor, ...]]:
    """What a manifest is made of."""
    document = decoded(manifest.content, at)
    config = _descriptor(document.get("config"), f"{at}: config")
    return config, _descriptors(document.get("layers"), f"{at}: layers")


def image_config(content: bytes, at: str) -> ImageConfig:
    """Platform and layer stack of an image's config."""
    document = decoded(content, at)
    rootfs = document.get("rootfs")
    texts = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(texts, list) or not texts or len(texts) > MOST_ENTRIES:
        raise NotAsClaimed(f"{at}: rootfs.diff_ids names no layers", hint="this is not an image")
    diff_ids = tuple(_digest(text, f"{at}: rootfs.diff_ids[{n}]") for n, text in enumerate(texts))
    return ImageConfig(_platform(document), diff_ids)


def decoded(content: bytes, at: str) -> dict[str, Any]:
    """A JSON object without doubled keys, or `NotAsClaimed`."""

    def once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key comes twice in one object")
        return found

    try:
        document = json.loads(content, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise NotAsClaimed(f"{at} is not JSON: {error}", hint="push the image again") from error
    if not isinstance(document, dict):
        raise NotAsClaimed(f"{at} is not a JSON object", hint="push the image again")
    return document


def _descriptors(value: Any, at: str) -> tuple[Descriptor, ...]:
    if not isinstance(value, list) or len(value) > MOST_ENTRIES:
        raise NotAsClaimed(f"{at} is not a list of at most {MOST_ENTRIES}", hint="push it again")
    return tuple(_descriptor(item, f"{at}[{number}]") for number, item in enumerate(value))


def _descriptor(value: Any, at: str) -> Descriptor:
    if not isinstance(value, dict):
        raise NotAsClaimed(f"{at} is not a descriptor", hint="push the image again")
    size, kind = value.get("size"), value.get("mediaType")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= LARGEST:
        raise NotAsClaimed(f"{at}.size is not a size", hint="push the image again")
    if not isinstance(kind, str):
        raise NotAsClaimed(f"{at}.mediaType is missing", hint="push the image again")
    platform, notes = value.get("platform"), value.get("annotations")
    return Descriptor(
        kind,
        _digest(value.get("digest"), f"{at}.digest"),
        size,
        _platform(platform) if isinstance(platform, dict) else "",
        str(value.get("artifactType") or ""),
        {str(k): str(v) for k, v in notes.items()} if isinstance(notes, dict) else {},
    )


def _platform(document: Mapping[str, Any]) -> str:
    """`os/architecture[/variant]`, the version of a Windows in brackets after it, as containerd
    writes platforms (platforms.FormatAll)."""
    system, version = (str(document.get(key) or "") for key in ("os", "os.version"))
    named = f"{system}({version})" if version else system
    parts = (named, *(str(document.get(key) or "") for key in ("architecture", "variant")))
    return "/".join(part for part in parts if part)


def _digest(text: Any, at: str) -> Digest:
    try:
        return Digest.parse(text if isinstance(text, str) else "")
    except InvalidDigest as error:
        raise NotAsClaimed(f"{at}: {error.message}", hint="push the image again") from error
