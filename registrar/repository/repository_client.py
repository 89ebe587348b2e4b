"""Reads a repository as a host would, with TUF's own client; trusts nothing but the root given."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.api.metadata import Metadata, Root, Targets
from tuf.ngclient import Updater, UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface

from core.list_format.payload import EMERGENCY
from core.list_format.payload_next import approvals_of
from core.list_format.payload_read import read_denies, read_list
from core.list_format.payload_write import state_of
from registrar.registrar_errors import RepositoryBroken
from registrar.repository.metadata_tree import Files, Layered, metadata_of
from registrar.repository.signature_status import SignatureStatus, signature_status

_BASE: Final = "files:///"
_LARGEST: Final = 8 << 20  # bytes


@dataclass(frozen=True, slots=True)
class ScopeSeen:
    """What a host would learn of one scope."""

    scope: str
    sequence: int
    approvals: int
    denies: int
    signers: tuple[str, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """What a host would learn: root's version, when the timestamp ends, and every scope."""

    root_version: int
    timestamp_expires_at: datetime
    scopes: tuple[ScopeSeen, ...]


class _Fetcher(FetcherInterface):
    """Files instead of the network."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def _fetch(self, url: str) -> Iterator[bytes]:
        data = self._files.read(url.removeprefix(_BASE))
        if data is None:
            raise DownloadHTTPError(f"{url.removeprefix(_BASE)}: there is no such file", 404)
        yield data


def see(files: Files, root: bytes) -> Seen:
    """Everything a host could read, each step verified: TUF's own checks, then distinct keys, the
    payload, and that long lists come out as they were signed.

    Raises `RepositoryBroken`, or `InvalidAllowlist` for a payload that no host would read.
    """
    with tempfile.TemporaryDirectory(prefix="dockwarden-verify-") as folder:
        try:
            return _see(files, root, Path(folder))
        except (RepositoryError, DownloadError, ValueError) as error:
            raise RepositoryBroken(
                f"a host would refuse it: {error}",
                hint="see `status` and `lint`; publish again, or restore the file from git",
            ) from error


def _see(files: Files, root: bytes, folder: Path) -> Seen:
    updater = Updater(
        str(folder),
        f"{_BASE}metadata/",
        str(folder),
        f"{_BASE}targets/",
        fetcher=_Fetcher(files),
        config=UpdaterConfig(prefix_targets_with_hash=True, targets_max_length=_LARGEST),
        bootstrap=root,
    )
    updater.refresh()
    top: Metadata[Root] = _held(folder, "root")
    targets: Metadata[Targets] = _held(folder, "targets")
    for role in ("timestamp", "snapshot", "targets"):
        _counted(signature_status(top.signed, role, _held(folder, role)))
    delegations = targets.signed.delegations
    roles = delegations.roles if delegations and delegations.roles else {}
    scopes = tuple(_scope(updater, files, targets, role, folder) for role in roles)
    expires = _held(folder, "timestamp").signed.expires
    return Seen(top.signed.version, expires, scopes)


def _scope(
    updater: Updater, files: Files, targets: Metadata[Targets], role: str, folder: Path
) -> ScopeSeen:
    denies = read_denies(_payload(updater, f"{role}/deny.json"), role)
    metadata: Metadata[Targets] = _held(folder, role)
    who = _counted(signature_status(targets.signed, role, metadata))
    if role == EMERGENCY:
        expires = metadata.signed.expires
        return ScopeSeen(role, denies.sequence, 0, len(denies.denies), who, expires)
    listing = read_list(_payload(updater, f"{role}/list.json"), role)
    approvals = approvals_of(listing, Layered({}, files))
    if len(approvals) != listing.count or state_of(approvals.values()) != listing.state:
        raise RepositoryBroken(
            f"{role}/list.json: its blobs do not result in the signed list", hint="sign it again"
        )
    return ScopeSeen(
        role, listing.sequence, len(approvals), len(denies.denies), who, metadata.signed.expires
    )


def _payload(updater: Updater, path: str) -> bytes:
    found = updater.get_targetinfo(path)
    if found is None:
        raise RepositoryBroken(f"{path}: nobody signs it", hint="sign the scope, publish again")
    return Path(updater.download_target(found)).read_bytes()


def _held(folder: Path, role: str) -> Metadata[Any]:
    return metadata_of((folder / f"{role}.json").read_bytes(), f"{role}.json")


def _counted(found: SignatureStatus) -> tuple[str, ...]:
    if not found.ready:
        raise RepositoryBroken(
            f"{found.role}: {found.words()}", hint=f"{', '.join(found.missing)} could sign it, too"
        )
    return found.signed
