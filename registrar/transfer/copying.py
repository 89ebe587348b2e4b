"""Copies an image from one place to another, every digest kept, and reads it back.

How it works: the tree is read first, so that nothing is copied of an image that is broken. Then
the blobs go, several at a time; what the target has is left out, so a copy that broke off goes on
where it stopped. Manifests follow, children first, so that a reader never finds a manifest whose
parts are missing. Last, every manifest is read back from the target and compared.
"""

import io
import tempfile
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registrar.registry.manifests import Descriptor
from registrar.registry.registry_errors import NotAsClaimed
from registrar.transfer.image_tree import ImageTree
from registrar.transfer.transfer_ports import ImageSource, ImageTarget

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

WORKERS: Final = 4

Progress = Callable[[int], None]  # bytes that are done since the last call; any thread


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy did: blobs and bytes that went, and blobs that were there already."""

    blobs: int
    size: int
    there: int
    manifests: int
    referrers: int


def copy_image(
    source: ImageSource,
    target: ImageTarget,
    tree: ImageTree,
    *,
    tags: tuple[str, ...] = (),
    progress: Progress = lambda _: None,
) -> Copied:
    """Copy a tree and name its top by `tags`.

    Raises the errors of both ends, and `NotAsClaimed` where the target then holds other bytes.
    What was copied before an error stays and is not copied again.
    """
    went = _copy_blobs(source, target, tuple(tree.blobs.values()), progress)
    for manifest in tree.manifests.values():
        target.put_manifest(manifest)
    for tag in tags:
        target.put_manifest(tree.top, tag)
    for tag, digest in tree.tags.items():
        target.put_manifest(tree.manifests[digest], tag)
    for subject, referrers in tree.referrers.items():
        target.put_referrers(subject, referrers)
    _read_back(target, tree, tags)
    return Copied(
        blobs=len(went),
        size=sum(blob.size for blob in went),
        there=len(tree.blobs) - len(went),
        manifests=len(tree.manifests),
        referrers=sum(map(len, tree.referrers.values())) + len(tree.tags),
    )


def _read_back(target: ImageTarget, tree: ImageTree, tags: tuple[str, ...]) -> None:
    for digest in tree.manifests:
        target.manifest(digest)  # raises unless these very bytes come back
    for tag in tags:
        found = target.manifest(tag).digest
        if found != tree.top.digest:
            raise NotAsClaimed(
                f"{target.name}:{tag} is {found} after the copy, not {tree.top.digest}",
                hint="somebody else pushes to this tag; only administrators should be able to",
            )


def _copy_blobs(
    source: ImageSource,
    target: ImageTarget,
    blobs: tuple[Descriptor, ...],
    progress: Progress,
) -> list[Descriptor]:
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="copy") as pool:
        jobs = {pool.submit(_copy_blob, source, target, blob, progress): blob for blob in blobs}
        done, waiting = wait(jobs, return_when=FIRST_EXCEPTION)
        for job in waiting:
            job.cancel()
    return [jobs[job] for job in done if job.result()]


def _copy_blob(
    source: ImageSource, target: ImageTarget, blob: Descriptor, progress: Progress
) -> bool:
    """Whether it had to be copied."""
    if target.has_blob(blob.digest):
        progress(blob.size)
        return False
    if target.take_blob(blob.digest, source):
        progress(blob.size)
        return True
    with tempfile.TemporaryFile(prefix="dockwarden-blob-", buffering=0) as file:
        size = source.read_blob(blob.digest, _CountedFile(file.fileno(), progress))
        if size != blob.size:
            raise NotAsClaimed(
                f"{source.name}: {blob.digest} has {size} bytes, its manifest states {blob.size}",
                hint="push the image again: its manifest is wrong",
            )
        file.seek(0)
        target.put_blob(blob.digest, file, size)
    return True


class _CountedFile(io.FileIO):
    """An open file that reports what is written to it; what is written anew is taken back."""

    def __init__(self, descriptor: int, progress: Progress) -> None:
        super().__init__(descriptor, "r+", closefd=False)
        self._progress = progress
        self._reported = 0

    def write(self, data: "Buffer", /) -> int:
        """As a file does."""
        written = super().write(data)
        self._reported += written
        self._progress(written)
        return written

    def truncate(self, size: int | None = None, /) -> int:
        """A download begins, perhaps again."""
        self._progress(-self._reported)
        self._reported = 0
        return super().truncate(size)
