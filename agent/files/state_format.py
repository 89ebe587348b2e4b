"""Keeps an older version away from state that a newer one wrote; knows no file of that state.

The state folder says in `state-format` which format it has and which version wrote it. The packages
read it too, before they install (packaging/scripts/dockwarden/preinstall).
"""

from pathlib import Path

from core import durable
from core.base_errors import DockwardenError

# Raise it whenever an older version would misread, or set aside as damaged, what this one writes.
FORMAT = 1
NAME = "state-format"


class StateTooNew(DockwardenError):
    """A newer version wrote the state; nothing of it was touched."""


def claim(folder: Path, version: str) -> None:
    """Note that this version writes the state from now on; to be called before anything else does.

    Raises `StateTooNew`, and `OSError` when the folder cannot be read or written.
    """
    file = folder / NAME
    try:
        found, _, by = file.read_text(encoding="utf-8", errors="replace").strip().partition(" ")
    except FileNotFoundError:
        found, by = "", ""
    if found.isdecimal() and int(found) > FORMAT:
        raise StateTooNew(
            f"{folder} was written by dockwarden {by}: its format is {found}, and "
            f"version {version} reads no format above {FORMAT}",
            hint=f"install dockwarden {by} or a newer version; or give that state up, with the "
            "findings not yet sent, the enrolment and the memory of which list was the newest: "
            f"dockwarden restore && mv {folder} {folder}.newer",
        )
    line = f"{FORMAT} {version}"
    if f"{found} {by}" != line:
        durable.write_file(file, f"{line}\n".encode(), mode=0o644)
