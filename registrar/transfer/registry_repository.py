"""One repository of a registry as an end of a copy."""

import json
from typing import BinaryIO, Final

from core.image.digest import Digest
from registrar.registry.manifests import OCI_INDEX, Descriptor, Manifest
from registrar.registry.registry_client import RegistryClient
from registrar.transfer.transfer_ports import ImageSource

_SCHEMA: Final = 2


class RegistryRepository:
    """An `ImageSource` and `ImageTarget`; `path` is the repository's within its registry."""

    def __init__(self, client: RegistryClient, path: str) -> None:
        self._client = client
        self.path = path

    @property
    def name(self) -> str:
        """Domain and path."""
        return f"{self._client.domain}/{self.path}"

    def manifest(self, reference: str | Digest) -> Manifest:
        """By tag or digest."""
        return self._client.get_manifest(self.path, reference)

    def read_blob(self, digest: Digest, sink: BinaryIO) -> int:
        """Into a file of its own."""
        return self._client.read_blob(self.path, digest, sink)

    def referrers(self, digest: Digest) -> tuple[Descriptor, ...]:
        """By the registry's API, or by the tag that stands for it."""
        return self._client.referrers(self.path, digest)

    def has_blob(self, digest: Digest) -> bool:
        """Whether the repository has it."""
        return self._client.head(self.path, digest, blob=True) is not None

    def take_blob(self, digest: Digest, source: ImageSource) -> bool:
        """From another repository of the same registry."""
        if not isinstance(source, RegistryRepository) or source._client is not self._client:
            return False
        return self._client.mount(self.path, digest, source.path)

    def put_blob(self, digest: Digest, content: BinaryIO, size: int) -> None:
        """Upload it in one piece."""
        self._client.put_blob(self.path, digest, content, size=size)

    def put_manifest(self, manifest: Manifest, tag: str = "") -> None:
        """Byte for byte."""
        reference = tag or manifest.digest
        self._client.put_manifest(self.path, reference, manifest.media_type, manifest.content)

    def put_referrers(self, subject: Digest, referrers: tuple[Descriptor, ...]) -> None:
        """A registry without the referrers API finds them by a tag (distribution-spec, "Pushing
        Manifests with Subject"); what that tag lists already is kept."""
        if self._client.has_referrers_api(self.path, subject):
            return
        listed = {one.digest: one for one in (*self.referrers(subject), *referrers)}
        content = _index(tuple(listed.values()))
        tag = f"{subject.algorithm}-{subject.hex}"
        self._client.put_manifest(self.path, tag, OCI_INDEX, content)


def _index(listed: tuple[Descriptor, ...]) -> bytes:
    document = {
        "schemaVersion": _SCHEMA,
        "mediaType": OCI_INDEX,
        "manifests": [described(one) for one in listed],
    }
    return json.dumps(document).encode()


def described(one: Descriptor) -> dict[str, object]:
    """A descriptor as JSON (OCI descriptor.md), without its platform."""
    document: dict[str, object] = {
        "mediaType": one.media_type,
        "digest": str(one.digest),
        "size": one.size,
    }
    if one.artifact_type:
        document["artifactType"] = one.artifact_type
    if one.annotations:
        document["annotations"] = dict(one.annotations)
    return document
