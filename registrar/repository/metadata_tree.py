"""Reads a repository's files, on disk or still in memory, as values; verifies no signature."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from tuf.api.exceptions import LengthOrHashMismatchError
from tuf.api.metadata import Metadata, Root, Targets
from tuf.api.serialization import DeserializationError
from tuf.api.serialization.json import JSONSerializer

from core.list_format.payload import EMERGENCY, ScopeDenies, ScopeList
from core.list_format.payload_next import approvals_of
from core.list_format.payload_read import read_denies, read_list
from registrar.registrar_errors import RepositoryBroken
from registrar.workspace import Draft

_VERSIONED = re.compile(r"([1-9][0-9]*)\.(.+)\.json")
_COMPACT: Final = JSONSerializer(compact=True)


class Files(Protocol):
    """Bytes by their path in the repository; None for what is not there."""

    def read(self, path: str) -> bytes | None:
        """One file."""
        ...


class Published:
    """The repository in a folder: the newest version of every role is what is in force."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._newest = _newest(directory / "metadata")

    def read(self, path: str) -> bytes | None:
        """One file; None where there is none."""
        try:
            return (self.directory / path).read_bytes()
        except FileNotFoundError:
            return None

    @property
    def roles(self) -> Mapping[str, int]:
        """Every role that was usual published, and its newest version."""
        return self._newest

    def role(self, name: str) -> Metadata[Any] | None:
        """The newest metadata of a role; None where it was never published."""
        if name not in self._newest:
            return None
        path = f"metadata/{self._newest[name]}.{name}.json"
        return metadata_of(self.read(path) or b"", path)

    def root(self) -> Metadata[Root] | None:
        """The newest root."""
        return self.role("root")

    def targets(self) -> Metadata[Targets] | None:
        """The newest list of delegations."""
        return self.role("targets")


class Layered:
    """Files that are not yet published over those that are; keeps blobs (`payload_next.Blobs`)."""

    def __init__(self, files: dict[str, bytes], below: Files) -> None:
        self.files = files
        self._below = below

    def read(self, path: str) -> bytes | None:
        """The upper file, else the lower one."""
        return self.files[path] if path in self.files else self._below.read(path)

    def put(self, sha256: str, data: bytes) -> None:
        """Keep a blob, unless there is one below."""
        if self.read(f"blobs/{sha256}") is None:
            self.files[f"blobs/{sha256}"] = data

    def get(self, sha256: str) -> bytes:
        """A blob; raises `RepositoryBroken`."""
        data = self.read(f"blobs/{sha256}")
        if data is None:
            raise RepositoryBroken(
                f"blobs/{sha256}: it is missing", hint="fetch it from what is served, or from git"
            )
        return data


def metadata_of(data: bytes, at: str) -> Metadata[Any]:
    """Metadata from its file; raises `RepositoryBroken` naming it."""
    try:
        return Metadata[Any].from_bytes(data)
    except DeserializationError as error:
        raise RepositoryBroken(
            f"{at}: no TUF metadata: {error.__cause__ or error}", hint="restore the file from git"
        ) from error


def file_of(metadata: Metadata[Any]) -> bytes:
    """The inverse: compact, since every host fetches it."""
    return metadata.to_bytes(_COMPACT)


def target(metadata: Metadata[Targets], path: str, files: Files) -> bytes:
    """A payload document that the role signs; raises `RepositoryBroken` unless it is that one."""
    found = metadata.signed.targets.get(path)
    if found is None:
        raise RepositoryBroken(f"{path}: its role does not sign it", hint="sign the scope again")
    stored = f"targets/{found.get_prefixed_paths()[0]}"
    data = files.read(stored)
    try:
        if data is None:
            raise RepositoryBroken(f"{stored}: it is missing", hint="restore the file from git")
        found.verify_length_and_hashes(data)
    except LengthOrHashMismatchError as error:
        raise RepositoryBroken(
            f"{stored}: it is not what was signed: {error}", hint="restore the file from git"
        ) from error
    return data


def denies_in(metadata: Metadata[Targets], scope: str, files: Files) -> ScopeDenies:
    """The scope's `deny.json`."""
    return read_denies(target(metadata, f"{scope}/deny.json", files), scope)


def listing_in(metadata: Metadata[Targets], scope: str, files: Files) -> ScopeList:
    """The scope's `list.json`."""
    return read_list(target(metadata, f"{scope}/list.json", files), scope)


def said_in(metadata: Metadata[Targets], scope: str, files: Files) -> Draft:
    """All that the scope says there, as a draft that would say the same."""
    denies = denies_in(metadata, scope, files).denies
    if scope == EMERGENCY:
        return Draft(scope, denies=denies)
    listing = listing_in(metadata, scope, files)
    return Draft(
        scope,
        approvals_of(listing, Layered({}, files)),
        denies,
        listing.waivers,
        listing.constraints,
        listing.policy,
        listing.contact,
    )


def _newest(directory: Path) -> dict[str, int]:
    newest: dict[str, int] = {}
    for path in directory.glob("*.json"):
        if match := _VERSIONED.fullmatch(path.name):
            newest[match[2]] = max(int(match[1]), newest.get(match[2], 0))
    return newest
