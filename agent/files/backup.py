"""Keeps what a file was before the agent first touched it; knows no meaning of any file.

One record a file, written durably before the file is. What a kill leaves in between is found by
looking at the file: `written` lists what was made from the original, so a reader that finds one of
these (or the original itself) knows that nobody else has been there.
"""

import base64
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent.errors import LayerFailed
from agent.merging.merge import Merge, from_record, to_record
from core import durable

_VERSION = 1
_WRITTEN = 32  # each change of configuration adds one


@dataclass(frozen=True, slots=True)
class FileState:
    """A file's content (None: absent) with its mode, owner and extended attributes."""

    data: bytes | None
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    attributes: Mapping[str, bytes] | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One file's backup. `made` are directories that were missing, the outermost first."""

    path: str
    layer: str
    original: FileState
    merge: Merge
    written: tuple[str, ...] = ()
    made: tuple[str, ...] = ()

    def untouched(self, data: bytes | None) -> bool:
        """Whether only the agent has written since the backup was made."""
        return data == self.original.data or (data is not None and _hash(data) in self.written)

    def with_written(self, data: bytes) -> "Record":
        """The record, knowing that `data` was made from the original."""
        rest = [known for known in self.written if known != _hash(data)]
        return replace(self, written=(*rest, _hash(data))[-_WRITTEN:])


class Backups:
    """Records in one directory (mode 0700, files 0600), one a path. Methods raise `LayerFailed`
    for a directory that cannot be used and for a record that cannot be read."""

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)

    @property
    def candidate(self) -> Path:
        """A place for a file that is only to be looked at; taken away with what killed writers
        left."""
        return self.directory / ".candidate.file.aside"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps other processes (daemon, command) out until the block ends."""
        try:
            durable.make_directory(self.directory.parent)
            durable.make_directory(self.directory, mode=0o700)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(self.directory / "lock", flags, 0o600)
        except OSError as error:
            raise _unusable(self.directory, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            durable.remove_leftovers(self.directory)
            yield
        finally:
            os.close(descriptor)

    def get(self, path: str | Path) -> Record | None:
        """The record of a file, if it has one."""
        return self._read(self._place(path))

    def of_layer(self, layer: str) -> list[Record]:
        """All records of a layer, by path."""
        records = [self._read(place) for place in self.directory.glob("*.json")]
        found = [record for record in records if record and record.layer == layer]
        return sorted(found, key=lambda record: record.path)

    def put(self, record: Record) -> None:
        """Keep it, durably."""
        place = self._place(record.path)
        data = json.dumps(_to_json(record), indent=1).encode()
        try:
            durable.write_file(place, data, mode=0o600)
        except OSError as error:
            raise _unusable(self.directory, error) from error

    def drop(self, path: str | Path) -> None:
        """Forget it: the file is as it was."""
        try:
            self._place(path).unlink(missing_ok=True)
            durable.sync_directory(self.directory)
        except OSError as error:
            raise _unusable(self.directory, error) from error

    def _place(self, path: str | Path) -> Path:
        name = "".join(c if c.isalnum() else "-" for c in Path(path).name)[:40]
        return self.directory / f"{name}-{_hash(os.fsencode(path))[:16]}.json"

    def _read(self, place: Path) -> Record | None:
        try:
            return _from_json(json.loads(place.read_bytes()))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(self.directory, error) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise LayerFailed(
                f"the backup {place} cannot be read: {error!r}",
                hint="it holds the file's original content as base64 under original.data; "
                "restore the file by hand, then remove the backup",
            ) from error


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _unusable(directory: Path, error: OSError) -> LayerFailed:
    return LayerFailed(
        f"the backup directory {directory} cannot be used: {error.strerror}",
        hint="make lockdown.backup_dir a directory that root can write; nothing was changed",
    )


def _to_json(record: Record) -> dict[str, Any]:
    state = record.original
    attributes = (state.attributes or {}).items()
    return {
        "version": _VERSION,
        "path": record.path,
        "layer": record.layer,
        "original": {
            "data": None if state.data is None else base64.b64encode(state.data).decode(),
            "mode": state.mode,
            "uid": state.uid,
            "gid": state.gid,
            "attributes": {name: base64.b64encode(value).decode() for name, value in attributes},
        },
        "merge": to_record(record.merge),
        "written": list(record.written),
        "made": list(record.made),
    }


def _from_json(content: dict[str, Any]) -> Record:
    if content["version"] != _VERSION:
        raise ValueError(f"version {content['version']}, not {_VERSION}")
    state = content["original"]
    data = state["data"]
    return Record(
        path=str(content["path"]),
        layer=str(content["layer"]),
        original=FileState(
            data=None if data is None else base64.b64decode(data, validate=True),
            mode=int(state["mode"]),
            uid=int(state["uid"]),
            gid=int(state["gid"]),
            attributes={n: base64.b64decode(v) for n, v in state["attributes"].items()},
        ),
        merge=from_record(content["merge"]),
        written=tuple(map(str, content["written"])),
        made=tuple(map(str, content["made"])),
    )
