"""Images made by hand, byte for byte, so that every digest is known before an engine sees one.

Building is pure: the same arguments give the same digests. This module pushes nothing.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from tests.lab import probe, tools
from tests.lab.built import (
    MEDIA_TYPES,
    BuiltImage,
    Layer,
    Media,
    PlatformImage,
    canonical,
    descriptor,
    digest,
)

__all__ = ["BuiltImage", "Layer", "Media", "PlatformImage", "build", "digest", "layer"]


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
