"""What an image is made of: layers, configs, manifests, an index, and all of their digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

Media = Literal["docker", "oci"]

_DOCKER = "application/vnd.docker"
_OCI = "application/vnd.oci.image"
MEDIA_TYPES: Mapping[Media, Mapping[str, str]] = {
    "docker": {
        "index": f"{_DOCKER}.distribution.manifest.list.v2+json",
        "manifest": f"{_DOCKER}.distribution.manifest.v2+json",
        "config": f"{_DOCKER}.container.image.v1+json",
        "layer": f"{_DOCKER}.image.rootfs.diff.tar.gzip",
    },
    "oci": {
        "index": f"{_OCI}.index.v1+json",
        "manifest": f"{_OCI}.manifest.v1+json",
        "config": f"{_OCI}.config.v1+json",
        "layer": f"{_OCI}.layer.v1.tar+gzip",
    },
}


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer: its tar (what the diff ID is over) and its compressed blob."""

    tar: bytes
    blob: bytes

    @property
    def diff_id(self) -> str:
        """The digest of the uncompressed layer."""
        return digest(self.tar)

    @property
    def digest(self) -> str:
        """The digest of the compressed blob."""
        return digest(self.blob)


@dataclass(frozen=True, slots=True)
class PlatformImage:
    """One platform's image: manifest, config and layers as stored."""

    platform: str
    manifest: bytes
    config: bytes
    layers: tuple[Layer, ...]

    @property
    def manifest_digest(self) -> str:
        """The manifest's digest."""
        return digest(self.manifest)

    @property
    def config_digest(self) -> str:
        """The config's digest: the image ID with a classic store."""
        return digest(self.config)

    @property
    def chain_id(self) -> str:
        """The chain ID of the whole root filesystem (OCI image spec, config, Layer ChainID)."""
        chain = self.layers[0].diff_id
        for layer in self.layers[1:]:
            chain = digest(f"{chain} {layer.diff_id}".encode())
        return chain


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An image of one or more platforms under a repository and tag; platforms as linux/amd64."""

    repository: str
    tag: str
    media: Media
    images: tuple[PlatformImage, ...]
    index: bytes | None

    @property
    def index_digest(self) -> str | None:
        """The index's digest, None for an image of one platform without an index."""
        return None if self.index is None else digest(self.index)

    @property
    def top_digest(self) -> str:
        """The digest that the tag points to: the index's, or the only manifest's."""
        return self.index_digest or self.images[0].manifest_digest

    @property
    def manifest_digests(self) -> Mapping[str, str]:
        """The manifest digest of each platform."""
        return MappingProxyType({one.platform: one.manifest_digest for one in self.images})

    @property
    def config_digests(self) -> Mapping[str, str]:
        """The config digest of each platform."""
        return MappingProxyType({one.platform: one.config_digest for one in self.images})

    @property
    def chain_ids(self) -> Mapping[str, str]:
        """The root filesystem's chain ID of each platform."""
        return MappingProxyType({one.platform: one.chain_id for one in self.images})

    @property
    def digests(self) -> frozenset[str]:
        """Every digest an approval of this image would list, chain IDs excepted."""
        return frozenset(
            {self.top_digest, *self.manifest_digests.values(), *self.config_digests.values()}
        )

    def media_type(self, part: str) -> str:
        """Return the media type of ``index``, ``manifest``, ``config`` or ``layer``."""
        return MEDIA_TYPES[self.media][part]

    def reference(self, registry: str = "127.0.0.1:5000") -> str:
        """Return the reference by tag."""
        return f"{registry}/{self.repository}:{self.tag}"

    def pinned(self, registry: str = "127.0.0.1:5000") -> str:
        """Return the reference by digest."""
        return f"{registry}/{self.repository}@{self.top_digest}"


def digest(content: bytes) -> str:
    """Return the sha256 digest as registries write it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    """Return an OCI descriptor of some content."""
    return {"mediaType": media_type, "digest": digest(content), "size": len(content)}


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return a document's bytes, always the same for the same document."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
