"""Everything that an image consists of, read from a source before anything is copied.

An index names manifests, a manifest names a config and layers, and signatures, SBOMs and
attestations name the manifest they are about (OCI image-spec, "subject"). Older tools keep
signatures under tags that are made of the digest (cosign: `sha256-<hex>.sig`, `.att`, `.sbom`).
"""

from dataclasses import dataclass, field
from typing import Final

from core.image.digest import Digest
from registrar.registry.manifests import Descriptor, Manifest, config_and_layers, entries
from registrar.registry.registry_errors import NotAsClaimed, NotInRegistry
from registrar.transfer.transfer_ports import ImageSource

MOST_MANIFESTS: Final = 2_000  # of one image, its referrers included
DEEPEST: Final = 4  # referrers of referrers; an index within an index
_TAGGED: Final = (".sig", ".att", ".sbom")
_ELSEWHERE: Final = ("foreign", "nondistributable")  # layers that registries need not hold


@dataclass(slots=True)
class ImageTree:
    """`manifests` in an order in which a registry takes them (children first), `blobs` once each,
    `referrers` by the manifest that they are about, `tags` those of attached signatures."""

    top: Manifest
    manifests: dict[Digest, Manifest] = field(default_factory=dict)
    blobs: dict[Digest, Descriptor] = field(default_factory=dict)
    referrers: dict[Digest, tuple[Descriptor, ...]] = field(default_factory=dict)
    tags: dict[str, Digest] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of all blobs, as their descriptors state them."""
        return sum(blob.size for blob in self.blobs.values())


def read_tree(source: ImageSource, top: Manifest) -> ImageTree:
    """The tree below an index or manifest, with what refers to it.

    Raises `NotAsClaimed` for an image that cannot be copied whole, and the source's errors.
    """
    tree = ImageTree(top)
    _add(tree, source, top, 0)
    for digest in list(tree.manifests):
        _add_tagged(tree, source, digest)
    return tree


def _add(tree: ImageTree, source: ImageSource, manifest: Manifest, depth: int) -> None:
    at = f"{source.name}@{manifest.digest}"
    if manifest.digest in tree.manifests:
        return
    if depth > DEEPEST or len(tree.manifests) >= MOST_MANIFESTS:
        raise NotAsClaimed(
            f"{source.name}@{tree.top.digest} is nested deeper than {DEEPEST} levels, "
            f"or has more than {MOST_MANIFESTS} manifests",
            hint="copy the manifests that you need one by one, by digest",
        )
    if manifest.is_index:
        for entry in entries(manifest, at):
            _add(tree, source, source.manifest(entry.digest), depth + 1)
    else:
        config, layers = config_and_layers(manifest, at)
        for blob in (config, *layers):
            _add_blob(tree, blob, at)
    tree.manifests[manifest.digest] = manifest
    if found := source.referrers(manifest.digest):
        tree.referrers[manifest.digest] = found
        for one in found:
            _add(tree, source, source.manifest(one.digest), depth + 1)


def _add_blob(tree: ImageTree, blob: Descriptor, at: str) -> None:
    if any(word in blob.media_type for word in _ELSEWHERE):
        raise NotAsClaimed(
            f"{at}: layer {blob.digest} is of type {blob.media_type}, which registries do not hold",
            hint="rebuild the image on a base whose layers may be redistributed",
        )
    known = tree.blobs.setdefault(blob.digest, blob)
    if known.size != blob.size:
        raise NotAsClaimed(
            f"{at}: {blob.digest} has {blob.size} bytes here and {known.size} elsewhere",
            hint="push the image again: one of its manifests is wrong",
        )


def _add_tagged(tree: ImageTree, source: ImageSource, digest: Digest) -> None:
    for suffix in _TAGGED:
        tag = f"{digest.algorithm}-{digest.hex}{suffix}"
        try:
            manifest = source.manifest(tag)
        except NotInRegistry:
            continue
        _add(tree, source, manifest, 1)
        tree.tags[tag] = manifest.digest
