"""The chain of trusted roots: from the one this host was given to the newest that is published.

Each newer root is signed by the one before and by itself (TUF 1.0, section 5.3), is counted by
distinct keys, and is kept in `roots/` before anything else is fetched. Knows no other role.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tuf.api.exceptions import DownloadHTTPError, RepositoryError
from tuf.api.metadata import Metadata, Root

from agent.errors import AllowlistRejected
from agent.helpers.sync.tuf.rollback_floor import RollbackFloor, save_rollback_floor
from agent.helpers.sync.tuf.signer_keys import people, signers
from core.durable import make_directory, write_file

DIRECTORY: Final = "roots"
ROTATING: Final = ("timestamp", "snapshot")  # other signers of these void what they signed
LARGEST: Final = 512_000  # bytes
_ROTATIONS: Final = 256  # in one run
_NO_SUCH_FILE: Final = (403, 404)  # object stores say 403 of what is not there


@dataclass(frozen=True, slots=True)
class TrustedRoot:
    """A root that was verified, with the bytes that say so."""

    metadata: Metadata[Root]
    data: bytes

    @property
    def signed(self) -> Root:
        """What it says."""
        return self.metadata.signed


def trusted_root(
    directory: Path, root_file: Path, floor: RollbackFloor, fetch: Callable[[str, int], bytes]
) -> tuple[TrustedRoot, RollbackFloor]:
    """The newest root, and the floor after it; both are kept durably.

    `fetch` takes a metadata file's name and its largest length. Raises `AllowlistRejected`,
    `DownloadError` (tuf) and `OSError`.
    """
    kept = directory / DIRECTORY
    make_directory(kept)
    root = _anchor(kept, root_file)
    floor = _counted(directory, kept, root, floor)
    for _ in range(_ROTATIONS):
        version = root.signed.version + 1
        try:
            data = fetch(f"{version}.root.json", LARGEST)
        except DownloadHTTPError as error:
            if error.status_code in _NO_SUCH_FILE:
                break
            raise
        root = _successor(root, data)
        write_file(kept / f"{version}.root.json", data)
        floor = _counted(directory, kept, root, floor)
    floor.check("root: version", root.signed.version, floor.root)
    return root, floor


def _anchor(kept: Path, root_file: Path) -> TrustedRoot:
    """The newest root kept, or the one this host was given if that is newer."""
    try:
        given = _parsed(root_file.read_bytes(), str(root_file))
    except OSError as error:
        raise AllowlistRejected(
            f"{root_file}: the root cannot be read: {error.strerror}",
            hint="put there the root.json that the registry's administrators gave you",
        ) from error
    signers(given.signed, Root.type, given.metadata)
    same = kept / f"{given.signed.version}.root.json"
    if same.exists() and same.read_bytes() != given.data:
        raise AllowlistRejected(
            f"{root_file}: this root differs from the one trusted so far ({same})",
            hint=f"if this host is to follow another repository, remove {kept.parent} first",
        )
    versions = sorted(_versions(kept))
    if versions and versions[-1] > given.signed.version:
        newest = kept / f"{versions[-1]}.root.json"
        root = _parsed(newest.read_bytes(), str(newest))
        signers(root.signed, Root.type, root.metadata)
        return root
    write_file(same, given.data)
    return given


def _successor(root: TrustedRoot, data: bytes) -> TrustedRoot:
    version = root.signed.version + 1
    found = _parsed(data, f"{version}.root.json")
    if found.signed.version != version:
        raise AllowlistRejected(
            f"{version}.root.json: calls itself version {found.signed.version}",
            hint="publish the roots again, each under its own version",
        )
    signers(root.signed, Root.type, found.metadata)
    signers(found.signed, Root.type, found.metadata)
    return found


def _counted(directory: Path, kept: Path, root: TrustedRoot, floor: RollbackFloor) -> RollbackFloor:
    """The floor after this root. A run that was killed between the two files is made good here."""
    version = root.signed.version
    if version <= floor.root:
        return floor
    before = kept / f"{floor.root}.root.json"
    changed = False
    if before.exists():
        old = _parsed(before.read_bytes(), str(before)).signed
        changed = any(people(old, r) != people(root.signed, r) for r in ROTATING)
    floor = floor.after_root(version, recovers=changed)
    save_rollback_floor(directory, floor)
    return floor


def _parsed(data: bytes, name: str) -> TrustedRoot:
    try:
        metadata: Metadata[Root] = Metadata.from_bytes(data)
    except RepositoryError as error:
        raise AllowlistRejected(
            f"{name}: no TUF metadata", hint="put there a root.json as it was published"
        ) from error
    if not isinstance(metadata.signed, Root):
        raise AllowlistRejected(
            f"{name}: {metadata.signed.type} metadata, not a root", hint="put there a root.json"
        )
    return TrustedRoot(metadata, data)


def _versions(kept: Path) -> list[int]:
    names = (path.name.partition(".") for path in kept.glob("*.root.json"))
    return [int(number) for number, _, rest in names if number.isdigit() and rest == "root.json"]
