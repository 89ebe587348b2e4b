"""Archives for ``docker load``: honest ones, and one with an approved image's name."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.lab.built import BuiltImage, PlatformImage, canonical, descriptor, digest

NAME_ANNOTATIONS = ("io.containerd.image.name", "org.opencontainers.image.ref.name")


def docker_archive(image: BuiltImage, path: Path, *, platform: str = "linux/amd64") -> Path:
    """Write one platform as ``docker save`` does; it loads under the image's repository and tag."""
    one = _platform(image, platform)
    config = f"{one.config_digest.removeprefix('sha256:')}.json"
    layers = {
        f"{layer.diff_id.removeprefix('sha256:')}/layer.tar": layer.tar for layer in one.layers
    }
    entry = {"Config": config, "RepoTags": [image.reference()], "Layers": list(layers)}
    manifest = json.dumps([entry]).encode()
    return _write(path, {"manifest.json": manifest, config: one.config, **layers})


def oci_archive(image: BuiltImage, path: Path, *, name: str | None = None) -> Path:
    """Write an OCI layout of the whole image.

    ``name`` is the image's name for the containerd store, the image's own
    reference if None. It is believed as it is, also ``repository@digest`` of something else.
    """
    blobs = dict(_blobs(image))
    name = image.reference() if name is None else name
    if image.index is None:
        top, kind = image.images[0].manifest, image.media_type("manifest")
    else:
        top, kind = image.index, image.media_type("index")
    blobs[digest(top)] = top
    entry = {**descriptor(kind, top), "annotations": dict.fromkeys(NAME_ANNOTATIONS, name)}
    index: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [entry],
    }
    files = {f"blobs/sha256/{key.removeprefix('sha256:')}": blob for key, blob in blobs.items()}
    layout = canonical({"imageLayoutVersion": "1.0.0"})
    return _write(path, {"oci-layout": layout, "index.json": canonical(index), **files})


def forged_archive(evil: BuiltImage, approved: BuiltImage, path: Path) -> Path:
    """Write an OCI layout of ``evil`` under the pinned reference of ``approved``.

    A containerd store that loads it lists the approved digest in RepoDigests when asked for the
    image by its ID (26.1 and 28); the list of images shows it among RepoTags.
    """
    return oci_archive(evil, path, name=approved.pinned())


def _blobs(image: BuiltImage) -> dict[str, bytes]:
    blobs = {}
    for one in image.images:
        for blob in (one.manifest, one.config, *(layer.blob for layer in one.layers)):
            blobs[digest(blob)] = blob
    return blobs


def _platform(image: BuiltImage, platform: str) -> PlatformImage:
    return next(one for one in image.images if one.platform == platform)


def _write(path: Path, files: Mapping[str, bytes]) -> Path:
    with tarfile.open(path, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return path
