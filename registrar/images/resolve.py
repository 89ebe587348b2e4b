"""Resolves a reference to every digest of its image; nothing is taken that was not hashed here."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from core.image.digest import Digest, chain_ids
from core.image.reference import Reference, normalise
from core.list_format.payload import Platform
from registrar.registry import NotAsClaimed, Registries, RegistryClient
from registrar.registry.manifests import (
    IMAGE_CONFIGS,
    INDEXES,
    MANIFESTS,
    Descriptor,
    Manifest,
    config_and_layers,
    entries,
    image_config,
)
from registrar.registry.transport import SMALL

DEFAULT_TAG: Final = "latest"  # what docker pulls where no tag is named
UNKNOWN: Final = "unknown/unknown"
_STATEMENT: Final = "application/vnd.in-toto+json"


@dataclass(frozen=True, slots=True)
class ResolvedImage:
    """An image with all its digests. `index` is None for an image that is one manifest;
    `left_out` are manifests of its index that hold statements about it and no files."""

    reference: Reference
    platforms: tuple[Platform, ...]
    index: Digest | None = None
    tags: tuple[str, ...] = ()
    left_out: tuple[Digest, ...] = ()

    @property
    def id(self) -> Digest:
        """The digest by which a registry hands it out."""
        return self.index or self.platforms[0].manifest

    @property
    def repository(self) -> str:
        """Domain and path."""
        return self.reference.repository

    @property
    def digests(self) -> frozenset[Digest]:
        """All of them, chain IDs too: what a deny has to name."""
        each = ({p.manifest, p.config, p.chain_id} for p in self.platforms)
        return frozenset({self.id}).union(*each)


def resolve(text: str, registries: Registries, *, tags: tuple[str, ...] = ()) -> ResolvedImage:
    """The image that a reference names now, as docker would complete it.

    Each of `tags` has to name the same content in the registry. A reference with tag and digest
    is resolved by its digest, and its tag checked likewise. Raises `InvalidReference`,
    `RegistryError` and, for what is not a runnable image, `NotAsClaimed`.
    """
    asked = normalise(Reference.parse(text))
    if not asked.tag and asked.digest is None:
        asked = replace(asked, tag=DEFAULT_TAG)
    client = registries.client(asked.domain)
    top = client.get_manifest(asked.path, asked.digest or asked.tag)
    named = tuple(dict.fromkeys((*((asked.tag,) if asked.tag else ()), *tags)))
    for tag in named:
        if asked.digest is not None or tag != asked.tag:
            _check_tag(client, asked, tag, top.digest)
    if not top.is_index:
        return ResolvedImage(asked, (_platform(client, asked.path, top, ""),), tags=named)
    return _resolve_index(client, asked, top, named)


def _resolve_index(
    client: RegistryClient, asked: Reference, top: Manifest, tags: tuple[str, ...]
) -> ResolvedImage:
    platforms: list[Platform] = []
    left_out: list[Digest] = []
    for entry in _entries(client, asked, top):
        manifest = client.get_manifest(asked.path, entry.digest)
        if entry.platform == UNKNOWN:
            _check_statement(client, asked, manifest)
            left_out.append(entry.digest)
        else:
            platforms.append(_platform(client, asked.path, manifest, entry.platform))
    if not platforms:
        raise NotAsClaimed(
            f"{asked}: its index names no image for any platform", hint="push the image again"
        )
    return ResolvedImage(asked, tuple(platforms), top.digest, tags, tuple(left_out))


def _entries(client: RegistryClient, asked: Reference, top: Manifest) -> Iterator[Descriptor]:
    at = _at(client, asked.path, top.digest)
    for entry in entries(top, at):
        if entry.media_type in INDEXES:
            raise NotAsClaimed(
                f"{at}: it lists another index, {entry.digest}",
                hint="approve the inner index by its digest, or push one flat index",
            )
        if entry.media_type not in MANIFESTS:
            raise NotAsClaimed(
                f"{at}: it lists {entry.digest} of type {entry.media_type[:80]!r}",
                hint="approve the manifests that you need one by one, by digest",
            )
        yield entry


def _platform(client: RegistryClient, path: str, manifest: Manifest, named: str) -> Platform:
    at = _at(client, path, manifest.digest)
    if manifest.is_index:
        raise NotAsClaimed(f"{at} is an index within an index", hint="push one flat index")
    config, layers = config_and_layers(manifest, at)
    if config.media_type not in IMAGE_CONFIGS:
        raise NotAsClaimed(
            f"{at} is not a container image (its config is {config.media_type[:80]!r})",
            hint="only container images can be approved",
        )
    limit = min(max(config.size, 1), 2 * SMALL)
    described = image_config(client.get_blob(path, config.digest, limit=limit), f"{at}: config")
    if len(described.diff_ids) != len(layers):
        raise NotAsClaimed(
            f"{at}: {len(layers)} layers, but its config names {len(described.diff_ids)}",
            hint="push the image again; no engine runs it as it is",
        )
    chain_id = chain_ids(described.diff_ids)[-1]
    return Platform(named or described.platform, manifest.digest, config.digest, chain_id)


def _check_statement(client: RegistryClient, asked: Reference, manifest: Manifest) -> None:
    """An image cannot hide behind the platform that BuildKit gives its attestations: the index's
    approval would let it run."""
    at = _at(client, asked.path, manifest.digest)
    _, layers = config_and_layers(manifest, at)
    for layer in layers:
        if layer.media_type != _STATEMENT:
            raise NotAsClaimed(
                f"{at}: of no known platform, and not an attestation ({layer.media_type[:80]!r})",
                hint="push the index without it, or approve single manifests by digest",
            )


def _check_tag(client: RegistryClient, asked: Reference, tag: str, digest: Digest) -> None:
    found = client.get_manifest(asked.path, tag).digest
    if found != digest:
        raise NotAsClaimed(
            f"{asked.repository}:{tag} is {found} now, not {digest}",
            hint=f"leave the tag {tag} out, or resolve by the tag alone",
        )


def _at(client: RegistryClient, path: str, digest: Digest) -> str:
    return f"{client.domain}/{path}@{digest}"
