"""An OCI image layout in a folder as an end of a copy (OCI image-spec, image-layout.md).

Blobs are written aside, verified, synced and renamed, so a folder never holds a wrong one under
its digest. `index.json` names the images by tag, and holds what refers to them.
"""

import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Any, BinaryIO, Final

from core.durable import make_directory, sync_directory, write_file
from core.image.digest import Digest
from registrar.registry.manifests import (
    OCI_INDEX,
    Descriptor,
    Manifest,
    decoded,
    entries,
    media_type_of,
)
from registrar.registry.registry_errors import NotAsClaimed, NotInRegistry, RegistryError
from registrar.transfer.registry_repository import described
from registrar.transfer.transfer_ports import ImageSource

_TAG: Final = "org.opencontainers.image.ref.name"
_VERSION: Final = {"imageLayoutVersion": "1.0.0"}
_CHUNK: Final = 1 << 20
_MODE: Final = 0o644
_DIRECTORY_MODE: Final = 0o755


class LayoutFolder:
    """An `ImageSource` and `ImageTarget`; the folder is made by the first write."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The folder."""
        return str(self.path)

    def blob(self, digest: Digest) -> Path:
        """Where a blob lies, or would."""
        return self.path / "blobs" / digest.algorithm / digest.hex

    def manifest(self, reference: str | Digest) -> Manifest:
        """By tag or digest; raises `NotInRegistry` and `NotAsClaimed`."""
        digest = reference if isinstance(reference, Digest) else self._tagged(reference)
        at = f"{self.path}@{digest}"
        content = self._read(digest, at)
        return Manifest(media_type_of(content, "", at), digest, content)

    def read_blob(self, digest: Digest, sink: BinaryIO) -> int:
        """Into a file of its own."""
        at = f"{self.path}@{digest}"
        sums, total = hashlib.new(digest.algorithm), 0
        sink.seek(0)
        sink.truncate()
        try:
            with self.blob(digest).open("rb") as file:
                while piece := file.read(_CHUNK):
                    sums.update(piece)
                    sink.write(piece)
                    total += len(piece)
        except FileNotFoundError as error:
            raise _missing(at) from error
        if sums.hexdigest() != digest.hex:
            raise _damaged(at)
        return total

    def referrers(self, digest: Digest) -> tuple[Descriptor, ...]:
        """Those that `index.json` lists and whose manifest names the digest as its subject."""
        return tuple(one for one in self._listed() if self._subject(one.digest) == str(digest))

    def has_blob(self, digest: Digest) -> bool:
        """Whether it is there; only verified blobs are."""
        return self.blob(digest).is_file()

    def take_blob(self, digest: Digest, source: ImageSource) -> bool:
        """Never: folders share nothing."""
        del digest, source
        return False

    def put_blob(self, digest: Digest, content: BinaryIO, size: int) -> None:
        """Write it durably; raises `NotAsClaimed` for other content and `RegistryError` where the
        folder cannot be written."""
        target = self.blob(digest)
        aside = target.with_name(f".{target.name}.{threading.get_native_id()}")
        try:
            self._begin(target.parent)
            sums, total = hashlib.new(digest.algorithm), 0
            with aside.open("wb") as file:
                while piece := content.read(_CHUNK):
                    sums.update(piece)
                    file.write(piece)
                    total += len(piece)
                file.flush()
                os.fsync(file.fileno())
            if sums.hexdigest() != digest.hex or total != size:
                raise _damaged(f"{self.path}@{digest}")
            aside.replace(target)
            sync_directory(target.parent)
        except OSError as error:
            raise _unwritable(self.path, error) from error
        finally:
            aside.unlink(missing_ok=True)

    def put_manifest(self, manifest: Manifest, tag: str = "") -> None:
        """Write it, and list it in `index.json` if it has a tag."""
        target = self.blob(manifest.digest)
        try:
            self._begin(target.parent)
            write_file(target, manifest.content, mode=_MODE)
            if tag:
                kind, size = manifest.media_type, len(manifest.content)
                named = Descriptor(kind, manifest.digest, size, annotations={_TAG: tag})
                self._list((named,))
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def put_referrers(self, subject: Digest, referrers: tuple[Descriptor, ...]) -> None:
        """List them; their manifests name the subject."""
        del subject
        try:
            self._list(referrers)
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def _begin(self, blobs: Path) -> None:
        make_directory(blobs, mode=_DIRECTORY_MODE)
        mark = self.path / "oci-layout"
        with self._lock:
            if not mark.exists():
                write_file(mark, json.dumps(_VERSION).encode(), mode=_MODE)

    def _list(self, added: tuple[Descriptor, ...]) -> None:
        """A tag names one image: what had it before loses it."""
        with self._lock:
            taken = {one.annotations.get(_TAG) for one in added} - {None}
            new = {(one.digest, one.annotations.get(_TAG)) for one in added}
            kept = [
                one
                for one in self._listed()
                if one.annotations.get(_TAG) not in taken
                and (one.digest, one.annotations.get(_TAG)) not in new
            ]
            document = {
                "schemaVersion": 2,
                "mediaType": OCI_INDEX,
                "manifests": [described(one) for one in (*kept, *added)],
            }
            write_file(self.path / "index.json", json.dumps(document).encode(), mode=_MODE)

    def _listed(self) -> tuple[Descriptor, ...]:
        try:
            content = (self.path / "index.json").read_bytes()
        except FileNotFoundError:
            return ()
        at = f"{self.path}/index.json"
        return entries(Manifest(OCI_INDEX, Digest.of(content), content), at)

    def _tagged(self, tag: str) -> Digest:
        for one in self._listed():
            if one.annotations.get(_TAG) == tag:
                return one.digest
        raise _missing(f"{self.path}:{tag}")

    def _subject(self, digest: Digest) -> str:
        at = f"{self.path}@{digest}"
        document: dict[str, Any] = decoded(self._read(digest, at), at)
        subject = document.get("subject")
        return str(subject.get("digest")) if isinstance(subject, dict) else ""

    def _read(self, digest: Digest, at: str) -> bytes:
        try:
            content = self.blob(digest).read_bytes()
        except FileNotFoundError as error:
            raise _missing(at) from error
        if hashlib.new(digest.algorithm, content).hexdigest() != digest.hex:
            raise _damaged(at)
        return content


def _missing(at: str) -> NotInRegistry:
    return NotInRegistry(f"{at}: the folder has no such content", hint="copy the image again")


def _damaged(at: str) -> NotAsClaimed:
    return NotAsClaimed(
        f"{at}: the content is not what the digest says",
        hint="remove this file and copy the image again",
    )


def _unwritable(path: Path, error: OSError) -> RegistryError:
    return RegistryError(
        f"{error.filename or path}: {error.strerror}",
        hint="choose a folder that this user may write, with room for the image",
    )
