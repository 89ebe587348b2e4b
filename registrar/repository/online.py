"""Snapshot and timestamp, signed by the two online keys; writes nothing, reads no clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, MetaFile, Snapshot, Timestamp

from registrar.registrar_errors import RepositoryBroken
from registrar.repository.desired_roles import is_due
from registrar.repository.metadata_tree import Published, file_of, metadata_of
from registrar.workspace import Rule

TIMESTAMP: Final = "metadata/timestamp.json"
ALARM_LEFT: Final = timedelta(hours=12)  # of the timestamp's life


@dataclass(frozen=True, slots=True)
class OnlineKeys:
    """The online rules, and what signs for each: as many signers as its threshold."""

    snapshot: Rule
    timestamp: Rule
    snapshot_signers: tuple[Signer, ...]
    timestamp_signers: tuple[Signer, ...]


def current_timestamp(published: Published) -> Metadata[Timestamp] | None:
    """What hosts poll; None where nothing was published yet.

    Raises `RepositoryBroken` where something was published but its timestamp is not here: a new
    one would begin at version 1, and every host would refuse it as a rollback.
    """
    data = published.read(TIMESTAMP)
    if data is not None:
        return metadata_of(data, TIMESTAMP)
    if published.roles:
        raise RepositoryBroken(
            f"{TIMESTAMP}: it is missing, though a repository was published",
            hint="publish on the machine that holds it, or copy metadata/timestamp.json and the"
            " newest snapshot from what is served into repository/metadata",
        )
    return None


def next_online(
    published: Published,
    versions: Mapping[str, int],
    keys: OnlineKeys,
    now: datetime,
    *,
    always: bool = False,
) -> dict[str, bytes]:
    """The next timestamp, and the next snapshot where it has to change: `versions` are those of
    targets and of every delegated role that are to be named. `always` signs both in any case."""
    old = current_timestamp(published)
    last = _snapshot(published, old)
    files: dict[str, bytes] = {}
    meta = dict(last.signed.meta) if last else {}
    meta |= {f"{role}.json": MetaFile(version) for role, version in versions.items()}
    version = last.signed.version if last else 0
    due = last is None or is_due(last.signed.expires, keys.snapshot.lifetime, now)
    if always or due or last is None or meta != last.signed.meta:
        version += 1
        snapshot = Metadata(
            Snapshot(version=version, expires=now + keys.snapshot.lifetime, meta=meta)
        )
        for signer in keys.snapshot_signers:
            snapshot.sign(signer, append=True)
        files[f"metadata/{version}.snapshot.json"] = file_of(snapshot)
    timestamp = Metadata(
        Timestamp(
            version=old.signed.version + 1 if old else 1,
            expires=now + keys.timestamp.lifetime,
            snapshot_meta=MetaFile(version),
        )
    )
    for signer in keys.timestamp_signers:
        timestamp.sign(signer, append=True)
    files[TIMESTAMP] = file_of(timestamp)
    return files


def current_snapshot(published: Published) -> Metadata[Snapshot] | None:
    """The snapshot that the timestamp names."""
    return _snapshot(published, current_timestamp(published))


def _snapshot(
    published: Published, timestamp: Metadata[Timestamp] | None
) -> Metadata[Snapshot] | None:
    if timestamp is None:
        return None
    path = f"metadata/{timestamp.signed.snapshot_meta.version}.snapshot.json"
    data = published.read(path)
    if data is None:
        raise RepositoryBroken(
            f"{path}: it is missing, but the timestamp names it",
            hint="copy it from what is served",
        )
    return metadata_of(data, path)
