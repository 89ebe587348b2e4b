"""What of a staged generation is the same as in the one in force; knows files, not their sense."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from agent.helpers.sync.generations import INDEX, METADATA, PAYLOAD
from core.durable import write_file

DENY: Final = "deny"
LIST: Final = "list"
TIMESTAMP: Final = "timestamp.json"


def payload_file(directory: Path, scope: str, kind: str) -> Path:
    """Where a generation's payload directory has a scope's `deny` or `list`."""
    return directory / f"{scope}.{kind}.json"


def copy_payload(old: Path | None, staging: Path, scopes: Iterable[str]) -> None:
    """Begin with the payload in force of these scopes; raises `OSError`."""
    for scope in scopes:
        for kind in (DENY, LIST):
            keep_old(old, staging, scope, kind)


def keep_old(old: Path | None, staging: Path, scope: str, kind: str) -> None:
    """Stage the file that is in force, or none if there is none; raises `OSError`."""
    target = payload_file(staging / PAYLOAD, scope, kind)
    source = payload_file(old / PAYLOAD, scope, kind) if old else None
    if source is not None and source.is_file():
        shutil.copyfile(source, target)
    else:
        target.unlink(missing_ok=True)


def same_payload(old: Path, staging: Path) -> bool:
    """Whether both have the same payload; raises `OSError`."""
    return (old / INDEX).is_file() and _files(old / PAYLOAD) == _files(staging / PAYLOAD)


def same_metadata(old: Path, staging: Path) -> bool:
    """Whether both have the same metadata but for the timestamp; raises `OSError`."""
    before, now = _files(old / METADATA), _files(staging / METADATA)
    return {**before, TIMESTAMP: b""} == {**now, TIMESTAMP: b""}


def renew_timestamp(old: Path, staging: Path) -> None:
    """Put the staged timestamp in the place of the one in force, durably; raises `OSError`."""
    data = (staging / METADATA / TIMESTAMP).read_bytes()
    target = old / METADATA / TIMESTAMP
    if not target.is_file() or target.read_bytes() != data:
        write_file(target, data)


def _files(directory: Path) -> dict[str, bytes]:
    if not directory.is_dir():
        return {}
    return {entry.name: entry.read_bytes() for entry in directory.iterdir() if entry.is_file()}
