"""Images made by hand, byte for byte, so that every digest is known before an engine sees one.

Building is pure: the same arguments give the same digests. This module pushes nothing.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Literal

from tests.lab import probe, tools

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


def build(
    repository: str,
    tag: str = "1",
    *,
    platforms: Sequence[str] = ("linux/amd64", "linux/arm64"),
    index: bool = True,
    media: Media = "docker",
    base: BuiltImage | None = None,
    files: Mapping[str, bytes] | None = None,
    labels: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
) -> BuiltImage:
    """Make an image with busybox and /bin/probe; its content differs with its repository and tag.

    ``base`` puts the new files on top of all of another image's layers. ``config`` is merged into
    the runtime configuration (Cmd, User, Entrypoint …). Every platform carries this machine's
    programs: only the bytes that say which platform it is differ.
    """
    marks = {"etc/image": f"{repository}:{tag}\n".encode(), **(files or {})}
    runtime = {"Cmd": ["/bin/sh"], "Labels": dict(labels or {}), **(config or {})}
    images = tuple(
        _platform_image(platform, media, marks, runtime, _base_layers(base, platform))
        for platform in platforms
    )
    return BuiltImage(repository, tag, media, images, _index(media, images) if index else None)


def layer(files: Mapping[str, bytes], *, links: Mapping[str, str] | None = None) -> Layer:
    """Make a layer of executable files and symbolic links; times and owners are all zero."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            archive.addfile(entry, io.BytesIO(content))
        for name, target in sorted((links or {}).items()):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
    tar = buffer.getvalue()
    return Layer(tar, gzip.compress(tar, compresslevel=1, mtime=0))


def digest(content: bytes) -> str:
    """Return the sha256 digest as registries write it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@cache
def _programs() -> Layer:
    applets = "sh ls cat echo true false sleep env id ps kill mkdir touch ping wget nc ip mount"
    links = {f"bin/{applet}": "busybox" for applet in applets.split()}
    files = {"bin/busybox": tools.busybox().read_bytes(), "bin/probe": probe.program()}
    return layer(files, links={**links, "tmp/.keep": "/dev/null"})


def _base_layers(base: BuiltImage | None, platform: str) -> tuple[Layer, ...]:
    if base is None:
        return (_programs(),)
    return next(one.layers for one in base.images if one.platform == platform)


def _platform_image(
    platform: str,
    media: Media,
    files: Mapping[str, bytes],
    runtime: Mapping[str, Any],
    below: tuple[Layer, ...],
) -> PlatformImage:
    layers = (*below, layer({**files, "etc/platform": platform.encode()}))
    system, architecture = platform.split("/")
    config = canonical(
        {
            "architecture": architecture,
            "os": system,
            "created": "2026-01-01T00:00:00Z",
            "config": runtime,
            "rootfs": {"type": "layers", "diff_ids": [one.diff_id for one in layers]},
            "history": [{"created_by": "dockwarden lab"} for _ in layers],
        }
    )
    types = MEDIA_TYPES[media]
    manifest = {
        "schemaVersion": 2,
        "mediaType": types["manifest"],
        "config": descriptor(types["config"], config),
        "layers": [descriptor(types["layer"], one.blob) for one in layers],
    }
    return PlatformImage(platform, canonical(manifest), config, layers)


def _index(media: Media, images: Sequence[PlatformImage]) -> bytes:
    types = MEDIA_TYPES[media]
    entries = []
    for one in images:
        system, architecture = one.platform.split("/")
        platform = {"architecture": architecture, "os": system}
        entries.append({**descriptor(types["manifest"], one.manifest), "platform": platform})
    return canonical({"schemaVersion": 2, "mediaType": types["index"], "manifests": entries})


def descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    """Return an OCI descriptor of some content."""
    return {"mediaType": media_type, "digest": digest(content), "size": len(content)}


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return a document's bytes, always the same for the same document."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
