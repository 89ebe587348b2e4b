"""Switches what is served to files that were checked, so that it is whole at every moment.

The new files first lie whole in a staging folder; a marker says that they were checked. Order of
the switch: blobs and payload, metadata by version, a new root, the timestamp. Hosts find the new
state only through the timestamp, and a new root by its number. Knows no signatures.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from core.durable import make_directory, remove_leftovers, sync_directory, write_file
from registrar.repository.online import TIMESTAMP
from registrar.workspace import Workspace

STAGE: Final = ".publishing"
_CHECKED: Final = "checked"
_MESSAGE: Final = "Published: the signed repository"
_MODE: Final = 0o644
_DIRECTORY_MODE: Final = 0o755


def stage(workspace: Workspace, files: Mapping[str, bytes]) -> None:
    """Keep the new files aside, durably, then mark them as checked."""
    folder = workspace.pending / STAGE
    for path, data in files.items():
        make_directory((folder / path).parent, mode=_DIRECTORY_MODE)
        write_file(folder / path, data, mode=_MODE)
    write_file(folder / _CHECKED, b"", mode=_MODE)


def finish(workspace: Workspace) -> bool:
    """Finish an interrupted switch, or forget one that was not yet checked; whether there was one
    to finish."""
    folder = workspace.pending / STAGE
    complete = (folder / _CHECKED).exists()
    if complete:
        copied = mirror(folder, workspace.repository)
        workspace.commit([workspace.repository / path for path in copied], _MESSAGE)
        (folder / _CHECKED).unlink()
        sync_directory(folder)
    if folder.exists():
        shutil.rmtree(folder)
        sync_directory(workspace.pending)
    return complete


def mirror(source: Path, destination: Path) -> list[str]:
    """Copy what differs in the order of the switch, each file durably and at once; returns what
    was copied. What is served is whole at every moment, wherever this is cut short."""
    files = [str(path.relative_to(source)) for path in source.rglob("*.json")]
    files += [str(path.relative_to(source)) for path in source.glob("blobs/*")]
    copied: list[str] = []
    for path in sorted(files, key=switch_order):
        if path.startswith(".") or "/." in path:
            continue
        data, there = (source / path).read_bytes(), destination / path
        if there.is_file() and there.read_bytes() == data:
            continue
        make_directory(there.parent, mode=_DIRECTORY_MODE)
        remove_leftovers(there.parent, there.name)
        write_file(there, data, mode=_MODE)
        copied.append(path)
    return copied


def switch_order(path: str) -> tuple[int, str]:
    """What comes first in a switch sorts first."""
    if not path.startswith("metadata/"):
        return 0, path
    if path == TIMESTAMP:
        return 3, path
    return (2 if path.endswith(".root.json") else 1), path
