"""Answers what the loop asks of a list from the index file; safe to use from any thread."""

import threading
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from agent.errors import AllowlistRejected
from agent.helpers.sync.list_index import index_rows as rows
from agent.helpers.sync.summary import read_summary
from agent.helpers.sync.sync_request import SyncReport
from core.allowlist.allowlist import Approval, Constraints, Deny, ListInfo, Statements, Waiver
from core.image.digest import Digest
from core.image.identity import ImageIdentity
from core.list_format.payload import EMERGENCY

if TYPE_CHECKING:
    import sqlite3

INDEX: Final = "index.sqlite"
_CACHE_KIB: Final = 1_024
_CHUNK: Final = 256  # approvals taken at a time when all are wanted
_MANY: Final = 512  # digests asked for in one query
_FOUND: Final = (
    "SELECT entry, depth, digests, body FROM digests CROSS JOIN entries USING (entry) WHERE key IN"
)
_ONE: Final = f"{_FOUND} (?)"

Entry = Approval | Deny | Waiver
Found = Sequence[tuple[int, int, Any]]
"""Entries, each with its number (an approval's is not negative) and its depth."""


class SignedList:
    """A whole adopted list: the generation in `directory`; immutable.

    Raises `AllowlistRejected` where there is no index of this version.
    """

    def __init__(self, directory: str | Path) -> None:
        from sqlite3 import Error

        self._error = Error  # kept, so that no look-up imports
        self._path = Path(directory, INDEX)
        self._lock = threading.Lock()
        self._db = _opened(self._path)
        self._scopes, self._constraints = self._levels()
        self.info = self._info(read_summary(self._path.parent))

    def about(self, image: ImageIdentity) -> Statements:
        """Every statement whose digests meet the image's, or those of what it is built on."""
        digests = image.digests
        found = self._meeting(digests)
        bases: Found = ()
        beneath: Found = ()
        if image.chain:
            layers = frozenset(image.chain)
            near = self._meeting(layers)
            bases = [e for e in near if e[0] >= 0 and not layers.isdisjoint(e[2].chain_ids)]
            below = layers.union(*(base.digests | base.chain_ids for _, _, base in bases))
            beneath = self._meeting(below) if bases else near
            beneath = [e for e in beneath if not below.isdisjoint(e[2].digests)]
        mine = [entry for entry in found if not digests.isdisjoint(entry[2].digests)]
        return Statements(
            self._scopes,
            self._constraints,
            _of(mine, Approval),
            _of(mine, Deny),
            _of(mine, Waiver),
            _of(bases, Approval),
            _of(beneath, Deny),
        )

    def approvals(self) -> Iterator[Approval]:
        """Every approval of every level, top level first, read as they are taken."""
        query = "SELECT entry, digests, body FROM entries WHERE entry > ? ORDER BY entry LIMIT ?"
        return self._each(query)

    def alike(self, name: str) -> Iterator[Approval]:
        """The approvals of repositories whose last part is `name`."""
        query = "SELECT entry, digests, body FROM entries WHERE name = ? AND entry > ?"
        return self._each(f"{query} ORDER BY entry LIMIT ?", name)

    def next_expiry(self, now: datetime) -> datetime | None:
        """The next instant at which a verdict can change by itself."""
        query = "SELECT min(ends) FROM entries WHERE ends > ?"
        return rows.instant_of(self._rows(query, rows.micros_of(now))[0][0])

    def close(self) -> None:
        """Let the file go; nothing can be asked any more."""
        with self._lock:
            self._db.close()

    def _each(self, query: str, *values: Any) -> Iterator[Approval]:
        last = -1
        while chunk := self._rows(query, *values, last, _CHUNK):
            yield from (rows.unpack_approval(digests, body) for _, digests, body in chunk)
            last = chunk[-1][0]

    def _meeting(self, digests: frozenset[Digest]) -> Found:
        """The entries under these digests' keys, in their order; some may meet none of them."""
        keys = [rows.key_of(digest) for digest in digests]
        found: list[Any] = []
        for at in range(0, len(keys), _MANY):
            some = keys[at : at + _MANY]
            query = _ONE if len(some) == 1 else f"{_FOUND} ({','.join('?' * len(some))})"
            found += self._rows(query, *some)
        if len(found) > 1:
            once = {row[0]: row for row in found}  # two of its digests may have found it
            found = sorted(once.values(), key=_rank)
        return [
            (entry, depth, rows.unpack_approval(packed, body))
            if entry >= 0
            else (entry, depth, rows.unpack_other(packed, body))
            for entry, depth, packed, body in found
        ]

    def _levels(self) -> tuple[tuple[str, ...], tuple[Constraints, ...]]:
        query = "SELECT depth, scope, constraints FROM scopes WHERE scope != ? ORDER BY depth"
        found = self._rows(query, EMERGENCY)
        if [depth for depth, *_ in found] != list(range(len(found))):
            raise _rejected(self._path, "a level of the chain is missing")
        return (
            tuple(scope for _, scope, _ in found),
            tuple(rows.unpack_constraints(constraints) for *_, constraints in found),
        )

    def _info(self, summary: SyncReport | None) -> ListInfo:
        query = "SELECT sequence, approvals, denies, contact FROM scopes ORDER BY depth, scope"
        found = self._rows(query)
        contacts = [contact for *_, contact in found if contact]
        return ListInfo(
            sequence=summary.sequence if summary else sum(sequence for sequence, *_ in found),
            origin=f"signed, {self._path.parent}",
            signed=True,
            scope=self._scopes[-1] if self._scopes else "",
            contact=(summary.contact if summary else "") or (contacts[-1] if contacts else ""),
            approvals=sum(approvals for _, approvals, _, _ in found),
            denies=sum(denies for _, _, denies, _ in found),
        )

    def _rows(self, query: str, *values: Any) -> list[Any]:
        try:
            with self._lock:
                return self._db.execute(query, values).fetchall()
        except self._error as error:
            raise _rejected(self._path, str(error)) from error


def _opened(path: Path) -> "sqlite3.Connection":
    import sqlite3

    try:
        name = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
        db = sqlite3.connect(name, uri=True, isolation_level=None, check_same_thread=False)
        for setting in ("query_only = ON", "trusted_schema = OFF", f"cache_size = -{_CACHE_KIB}"):
            db.execute(f"PRAGMA {setting}")
        wanted = (rows.APPLICATION_ID, rows.VERSION, 1, 0)
        names = ("application_id", "user_version", "query_only", "trusted_schema")
        found = tuple(db.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
    except sqlite3.Error as error:
        raise _rejected(path, str(error)) from error
    if found != wanted:
        db.close()
        raise _rejected(path, "it is not an index of this version")
    return db


def _rejected(path: Path, what: str) -> AllowlistRejected:
    return AllowlistRejected(f"{path}: {what}", hint="run dockwarden sync, which writes it again")


def _of(found: Found, kind: type[Entry]) -> tuple[tuple[int, Any], ...]:
    if not found:
        return ()
    return tuple([(depth, entry) for _, depth, entry in found if isinstance(entry, kind)])


def _rank(row: tuple[int, int, bytes, str]) -> tuple[int, int]:
    """Top level first; then as they were listed, whether numbered upwards or downwards."""
    return row[1], abs(row[0])
