"""The spool as the sender sees it: the oldest records, what is done with them; knows no HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.helpers.uplink import spool_table

MOST_RECORDS: Final = 100
MOST_BYTES: Final = 256 << 10  # of data, in one request
MOST_QUARANTINED: Final = 1000  # the oldest give way


@dataclass(frozen=True, slots=True)
class Record:
    """One CloudEvent as it was written; `data` goes out byte for byte."""

    sequence: int
    id: str
    type: str
    time: str
    count: int
    prevhash: str
    hash: str
    data: bytes


class Outbox:
    """The sending end of a spool file. Methods raise `sqlite3.Error`."""

    def __init__(self, path: str | Path) -> None:
        self._db = spool_table.connect(path)
        self.epoch = spool_table.get(self._db, "epoch")

    def oldest(self, most: int = MOST_RECORDS) -> list[Record]:
        """The first records, in order: at most `most`, and 256 KiB unless one alone is larger."""
        found: list[Record] = []
        size = 0
        rows = self._db.execute(
            "SELECT sequence, id, type, time, count, prevhash, hash, data FROM records"
            " ORDER BY sequence LIMIT ?",
            (most,),
        )
        for row in rows:
            size += len(row[7]) + spool_table.OVERHEAD
            if found and size > MOST_BYTES:
                break
            found.append(Record(*row))
        rows.close()
        return found

    def empty(self) -> bool:
        """Whether nothing waits."""
        return self._db.execute("SELECT 1 FROM records LIMIT 1").fetchone() is None

    def forget(self, records: Sequence[Record]) -> None:
        """They are acknowledged."""
        with spool_table.transaction(self._db):
            self._delete(records)

    def quarantine(self, records: Sequence[Record], reasons: Mapping[str, str]) -> None:
        """Put these aside, each with the reason by its id: the collector will not have them."""
        with spool_table.transaction(self._db):
            self._db.executemany(
                "INSERT OR REPLACE INTO quarantine(sequence, id, type, time, reason, data)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                [(r.sequence, r.id, r.type, r.time, reasons[r.id], r.data) for r in records],
            )
            self._delete(records)
            self._db.execute(
                "DELETE FROM quarantine WHERE sequence NOT IN"
                " (SELECT sequence FROM quarantine ORDER BY sequence DESC LIMIT ?)",
                (MOST_QUARANTINED,),
            )

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    def _delete(self, records: Sequence[Record]) -> None:
        numbers = [(record.sequence,) for record in records]
        self._db.executemany("DELETE FROM records WHERE sequence = ?", numbers)
