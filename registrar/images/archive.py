"""A signed repository as one tar for networks without a way in, and back; verifies no signature.

The first member, `export.json`, names every file with its length and SHA-256.
"""

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from core.base_errors import DockwardenError
from core.durable import make_directory, write_file
from registrar.repository.metadata_tree import Published

FORMAT: Final = 1
CONTENTS: Final = "export.json"
FILE_LIMIT: Final = 64 << 20  # bytes of one file
CONTENTS_LIMIT: Final = 256 << 20  # a million files
_NAME = re.compile(r"(?:blobs|targets|metadata)(?:/[A-Za-z0-9][A-Za-z0-9._-]*){1,3}")
_TIMESTAMP: Final = "metadata/timestamp.json"
_KINDS: Final = ("blobs", "targets", "metadata")  # what names others comes after them


class ArchiveInvalid(DockwardenError):
    """The archive is not a whole export; nothing was changed."""


def export_tree(repository: Path, target: Path) -> int:
    """Write the tar; returns how many files it holds. Raises `ArchiveInvalid` where nothing is
    published or `target` exists, or `OSError`."""
    if target.exists():
        raise ArchiveInvalid(f"{target}: it exists already", hint="name another file")
    names = sorted(_names(repository), key=_order)
    if _TIMESTAMP not in names:
        raise ArchiveInvalid(f"{repository}: nothing is published there", hint="`publish` first")
    files = {name: _facts((repository / name).read_bytes()) for name in names}
    contents = {"format": FORMAT, "roles": dict(Published(repository).roles), "files": files}
    aside = target.with_name(f".{target.name}.part")
    try:
        with aside.open("wb") as stream, tarfile.open(fileobj=stream, mode="w") as archive:
            _add(archive, CONTENTS, json.dumps(contents, indent=1).encode())
            for name in names:
                _add(archive, name, (repository / name).read_bytes())
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
    return len(names)


def import_tree(source: Path, repository: Path) -> int:
    """Bring a tree up to date with a tar; returns how many files were new. What is there already
    is compared: versions never go back and no file changes but the timestamp.

    Raises `ArchiveInvalid`, before anything is written, or `OSError`.
    """
    with _opened(source) as archive:
        contents = _contents(archive, source)
        _check_forward(contents["roles"], repository)
        fresh = [
            n for n, data in _members(archive, contents, source) if _is_new(repository, n, data)
        ]
        wanted = frozenset(fresh)
        for name, data in _members(archive, contents, source):
            if name in wanted:  # in the tar's order: the timestamp, which names all, is last
                make_directory((repository / name).parent, mode=0o755)
                write_file(repository / name, data, mode=0o644)
    return len(fresh)


def _opened(source: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(source, mode="r:")
    except tarfile.TarError as error:
        raise ArchiveInvalid(
            f"{source}: no tar: {error}", hint="copy the whole file again"
        ) from error


def _names(repository: Path) -> Iterator[str]:
    for kind in _KINDS:
        for path in (repository / kind).rglob("*"):
            name = str(path.relative_to(repository))
            if path.is_file() and _NAME.fullmatch(name):
                yield name


def _order(name: str) -> tuple[bool, int, str]:
    return name == _TIMESTAMP, _KINDS.index(name.partition("/")[0]), name


def _facts(data: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "length": len(data)}


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)  # time and owner zero: the same tree is the same tar
    member.size, member.mode = len(data), 0o644
    archive.addfile(member, io.BytesIO(data))


def _contents(archive: tarfile.TarFile, source: Path) -> Mapping[str, Any]:
    first = archive.next()
    if first is None or first.name != CONTENTS:
        raise ArchiveInvalid(
            f"{source}: it is not an export of a repository", hint="`export` makes one"
        )
    try:
        contents = json.loads(_read(archive, first, source, CONTENTS_LIMIT))
        whole = (
            contents["format"] == FORMAT
            and all(isinstance(v, int) for v in contents["roles"].values())
            and all({"sha256", "length"} <= facts.keys() for facts in contents["files"].values())
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        whole = False
    if not whole or _TIMESTAMP not in contents["files"]:
        raise ArchiveInvalid(f"{source}: {CONTENTS} is incomplete", hint="export it again")
    return dict(contents)


def _members(
    archive: tarfile.TarFile, contents: Mapping[str, Any], source: Path
) -> Iterator[tuple[str, bytes]]:
    """Every file, once it is what the contents say; all of them, each once."""
    waiting = dict(contents["files"])
    for member in archive.getmembers()[1:]:
        facts = waiting.pop(member.name, None)
        if facts is None or not member.isreg() or not _NAME.fullmatch(member.name):
            raise ArchiveInvalid(
                f"{source}: {member.name[:200]!r} does not belong there", hint="export it again"
            )
        data = _read(archive, member, source, FILE_LIMIT)
        if _facts(data) != facts:
            raise ArchiveInvalid(
                f"{source}: {member.name} is not what was exported", hint="copy the file again"
            )
        yield member.name, data
    if waiting:
        raise ArchiveInvalid(
            f"{source}: {len(waiting)} files are missing, first {min(waiting)}",
            hint="copy the whole file again",
        )


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo, source: Path, limit: int) -> bytes:
    stream = archive.extractfile(member) if member.size <= limit else None
    try:
        if stream is not None:
            return stream.read()
    except tarfile.TarError as error:
        raise ArchiveInvalid(f"{source}: it is cut off: {error}", hint="copy it again") from error
    raise ArchiveInvalid(f"{source}: {member.name[:200]!r} is too large", hint="export it again")


def _check_forward(roles: Mapping[str, int], repository: Path) -> None:
    for role, version in Published(repository).roles.items():
        if roles.get(role, 0) < version:
            raise ArchiveInvalid(
                f"{repository} has {role} in version {version} already, newer than"
                f" {roles.get(role, 0)} in the archive",
                hint="use a newer export; hosts accept no older list",
            )


def _is_new(repository: Path, name: str, data: bytes) -> bool:
    try:
        there = (repository / name).read_bytes()
    except FileNotFoundError:
        return True
    if there == data:
        return False
    if name == _TIMESTAMP and _version(data) > _version(there):
        return True
    raise ArchiveInvalid(
        f"{repository / name}: the archive has another one",
        hint="is this the tree of the same organization? an older timestamp is never accepted",
    )


def _version(timestamp: bytes) -> int:
    try:
        return int(json.loads(timestamp)["signed"]["version"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return 0
