"""What copying asks of both ends: one repository of a registry, or an OCI layout folder."""

from typing import BinaryIO, Protocol

from core.image.digest import Digest
from registrar.registry.manifests import Descriptor, Manifest


class ImageSource(Protocol):
    """Where an image comes from. Content asked for by digest is verified before it is returned;
    all methods raise `RegistryError`s."""

    @property
    def name(self) -> str:
        """What people call it: a repository or a folder."""
        ...

    def manifest(self, reference: str | Digest) -> Manifest:
        """A manifest or index by tag or digest; `NotInRegistry` where there is none."""
        ...

    def read_blob(self, digest: Digest, sink: BinaryIO) -> int:
        """A blob into a seekable file of its own; returns its bytes."""
        ...

    def referrers(self, digest: Digest) -> tuple[Descriptor, ...]:
        """What refers to a manifest: signatures, SBOMs, attestations."""
        ...


class ImageTarget(Protocol):
    """Where an image goes. Threads may store blobs at once; all methods raise `RegistryError`s."""

    @property
    def name(self) -> str:
        """What people call it: a repository or a folder."""
        ...

    def manifest(self, reference: str | Digest) -> Manifest:
        """A stored manifest, to compare it with what was sent."""
        ...

    def has_blob(self, digest: Digest) -> bool:
        """Whether the blob is there already."""
        ...

    def take_blob(self, digest: Digest, source: ImageSource) -> bool:
        """Have the blob without a copy on the way, where source and target share a registry."""
        ...

    def put_blob(self, digest: Digest, content: BinaryIO, size: int) -> None:
        """Store a blob of `size` bytes."""
        ...

    def put_manifest(self, manifest: Manifest, tag: str = "") -> None:
        """Store a manifest under its digest, and under a tag where one is given."""
        ...

    def put_referrers(self, subject: Digest, referrers: tuple[Descriptor, ...]) -> None:
        """Make stored referrers findable where the target does not do so by itself."""
        ...
