"""Top-level metadata, refreshed in a staging directory by TUF's own client, then audited here.

What the client leaves open is closed by the audit: distinct keys behind each threshold, versions
below the floor, expiry by the floor's time as well. Knows no payload.
"""

import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Signed, Snapshot, Targets, Timestamp
from tuf.ngclient import Updater, UpdaterConfig

from agent.errors import AllowlistRejected
from agent.helpers.sync.generations import METADATA, PAYLOAD
from agent.helpers.sync.tuf.fetcher import Fetcher
from agent.helpers.sync.tuf.rollback_floor import RollbackFloor
from agent.helpers.sync.tuf.roots import ROTATING, TrustedRoot
from agent.helpers.sync.tuf.signer_keys import people, signers
from core.durable import write_file

_HISTORY: Final = "root_history"  # the client's own; roots.py keeps them for good
_HINT: Final = "publish the repository again"

S = TypeVar("S", bound=Signed)


class Repository:
    """One look at a repository: `refresh` first, then roles by name."""

    def __init__(
        self, source: str, staging: Path, root: TrustedRoot, fetcher: Fetcher, now: datetime
    ) -> None:
        self.now = now
        self.root = root.signed
        self._staging = staging / METADATA
        if not self.root.consistent_snapshot:
            raise AllowlistRejected(
                "root: consistent snapshots are off", hint="turn them on and sign the root again"
            )
        self._live(self.root, "root")
        self._forget_rotated()
        self.updater = Updater(
            str(self._staging),
            f"{source}/metadata/",
            target_dir=str(staging / PAYLOAD),
            target_base_url=f"{source}/targets/",
            fetcher=fetcher,
            config=UpdaterConfig(max_root_rotations=0),  # roots.py has done it
            bootstrap=root.data,
        )
        # The client reads the clock itself and has no public way to be given the time; the audit
        # below looks at every expiry again by `now`, so this only lets it agree with us.
        self.updater._trusted_set.reference_time = now

    @property
    def timestamp_expires(self) -> datetime:
        """When the timestamp that `refresh` trusted expires; aware."""
        return self.timestamp.expires

    def refresh(self, floor: RollbackFloor) -> RollbackFloor:
        """Load timestamp, snapshot and targets; the floor after them.

        Raises `AllowlistRejected`, `RepositoryError`, `DownloadError` (tuf), `OSError`.
        """
        self.updater.refresh()
        timestamp = self.audited(Timestamp, "timestamp", self.root)
        snapshot = self.audited(Snapshot, "snapshot", self.root)
        targets = self.audited(Targets, "targets", self.root)
        self.timestamp, self.snapshot, self.targets = timestamp, snapshot, targets
        floor.check("timestamp: version", timestamp.version, floor.timestamp)
        floor.check("snapshot: version", snapshot.version, floor.snapshot)
        for role, version in self.versions(floor.roles).items():
            floor.check_role(role, version)
        return floor.with_timestamp(timestamp.version, snapshot.version)

    def versions(self, roles: Iterable[str]) -> dict[str, int]:
        """The snapshot's versions of those of these roles that it holds."""
        meta = self.snapshot.meta
        return {role: meta[f"{role}.json"].version for role in roles if f"{role}.json" in meta}

    def noted(self, floor: RollbackFloor) -> RollbackFloor:
        """The floor after a timestamp that was verified, though what it names was not."""
        try:
            timestamp = self.audited(Timestamp, "timestamp", self.root)
        except (RepositoryError, AllowlistRejected, OSError):
            return floor  # there is none that could be trusted
        return floor.with_timestamp(timestamp.version, timestamp.snapshot_meta.version)

    def audited(self, kind: type[S], role: str, delegator: Root | Targets) -> S:
        """What a role's staged metadata says: signed by enough distinct keys, and alive.

        Raises `AllowlistRejected`, `RepositoryError` (tuf), `OSError`.
        """
        metadata = self.staged(role)
        if not isinstance(metadata.signed, kind):
            raise AllowlistRejected(f"{role}: {metadata.signed.type} metadata", hint=_HINT)
        signers(delegator, role, metadata)
        self._live(metadata.signed, role)
        return metadata.signed

    def staged(self, role: str) -> Metadata[Any]:
        """A role's metadata as it lies in the staging directory."""
        return Metadata.from_bytes(self._file(role).read_bytes())

    def close(self, root: TrustedRoot) -> None:
        """Leave one plain `root.json` in the place of the client's history of roots."""
        write_file(self._file("root"), root.data)
        shutil.rmtree(self._staging / _HISTORY, ignore_errors=True)

    def _file(self, role: str) -> Path:
        return self._staging / f"{quote(role, '')}.json"

    def _live(self, signed: Signed, role: str) -> None:
        if signed.is_expired(self.now):
            raise AllowlistRejected(
                f"{role}: expired at {instant(signed.expires)}",
                hint="sign it again and publish; or correct this host's clock",
            )

    def _forget_rotated(self) -> None:
        """Drop timestamp and snapshot when their signers changed (TUF 1.0, section 5.3.11): their
        versions bind no more."""
        try:
            before = self.staged("root").signed
        except (RepositoryError, OSError):
            return
        if any(people(before, role) != people(self.root, role) for role in ROTATING):
            for role in ROTATING:
                self._file(role).unlink(missing_ok=True)


def instant(moment: datetime) -> str:
    """ISO 8601 with a Z, as the metadata has it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
