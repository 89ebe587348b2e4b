"""The port `AllowlistSource` over one file; keeps nothing between loads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from agent.adapters.allowlist_file.reading import parse
from agent.adapters.allowlist_file.trusted_read import read_trusted
from agent.errors import AllowlistRejected
from core.allowlist.allowlist import Allowlist, ListInfo
from core.base_errors import InvalidAllowlist

SIZE_LIMIT: Final = 64 * 2**20  # bytes; some 45,000 approvals, which take 0.2 GB to hold


class FileAllowlist:
    """The list in one JSON file, for hosts that have no signed source.

    This does not notice that a list is older than the last one: the adopter compares
    `info.sequence`.
    """

    def __init__(self, path: str | Path, *, limit: int = SIZE_LIMIT) -> None:
        self._path = Path(path)
        self._limit = limit

    def load(self) -> Allowlist:
        """The list, whole and checked; `AllowlistRejected` names file, place and fix."""
        data = read_trusted(self._path, self._limit)
        try:
            document = parse(data)
        except InvalidAllowlist as error:
            raise AllowlistRejected(f"{self._path}: {error.message}", hint=error.hint) from error
        levels = document.levels
        info = ListInfo(
            sequence=document.sequence,
            origin=f"file:{self._path}, unsigned",
            signed=False,
            scope=levels[-1].scope,
            contact=document.contact,
            approvals=sum(len(level.approvals) for level in levels),
            denies=sum(len(level.denies) for level in levels),
        )
        return Allowlist(levels, info)

    def watched(self) -> Sequence[str]:
        """The file's path."""
        return (str(self._path),)
