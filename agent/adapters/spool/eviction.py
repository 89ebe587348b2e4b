"""Who has to go when the spool is full, and the account of it; knows rows, not what they say.

Records that are not urgent may never take the reserved share. An urgent one takes the room of
the oldest others; when there are none left, it is not written but counted (see `Spool.keep`).
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from agent.helpers.uplink.spool_table import OVERHEAD, get, put

MOST_RANGES = 1000  # an announcement names at most so many (collector/schemas/drops-1)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of records in all, and how many of these only urgent ones may take."""

    most: int
    reserved: int

    def __post_init__(self) -> None:
        if not 0 <= self.reserved < self.most:
            raise ValueError("the reserved bytes must be fewer than all")


def evict(db: sqlite3.Connection, limits: Limits, size: int, *, urgent: bool) -> bool:
    """Drop the oldest that are not urgent until `size` bytes fit; False when they cannot."""
    totals = dict(db.execute("SELECT urgent, bytes FROM totals").fetchall())
    low, high = totals[0], totals[1]
    ceiling = limits.most - high
    if not urgent:
        ceiling = min(ceiling, limits.most - limits.reserved)
    surplus = low + size - ceiling
    if surplus <= 0:
        return True
    gone, freed = [], 0
    if surplus <= low:
        rows = db.execute(
            "SELECT sequence, type, length(data) FROM records WHERE urgent = 0 ORDER BY sequence"
        )
        for row in rows:
            if freed >= surplus:
                break
            gone.append(row)
            freed += row[2] + OVERHEAD
        rows.close()
    if freed < surplus:
        return False
    db.executemany("DELETE FROM records WHERE sequence = ?", [(row[0],) for row in gone])
    for sequence, type_, length in gone:
        count_drop(db, type_, length)
        _add_range(db, sequence)
    return True


def count_drop(db: sqlite3.Connection, type_: str, size: int, number: int = 1) -> None:
    """It is lost to the collector; the next announcement says so."""
    db.execute(
        "INSERT INTO drops VALUES (?, ?, ?) ON CONFLICT(type) DO UPDATE SET"
        " count = count + excluded.count, bytes = bytes + excluded.bytes",
        (type_, number, size),
    )
    put(db, "dropped", str(int(get(db, "dropped", "0")) + number))


def _add_range(db: sqlite3.Connection, sequence: int) -> None:
    grown = db.execute("UPDATE drop_ranges SET last = ? WHERE last = ?", (sequence, sequence - 1))
    if not grown.rowcount:
        db.execute("INSERT OR REPLACE INTO drop_ranges VALUES (?, ?)", (sequence, sequence))


def take_drops(db: sqlite3.Connection) -> tuple[dict[str, int], int, list[dict[str, int]]]:
    """What was dropped since the last announcement, by type; its bytes; its ranges."""
    rows = db.execute("SELECT type, count, bytes FROM drops").fetchall()
    ranges = db.execute(
        "SELECT first, last FROM drop_ranges ORDER BY first LIMIT ?", (MOST_RANGES,)
    ).fetchall()
    db.execute("DELETE FROM drops")
    _forget(db, [first for first, _ in ranges])
    spans = [{"first": first, "last": last} for first, last in ranges]
    return {row[0]: row[1] for row in rows}, sum(row[2] for row in rows), spans


def _forget(db: sqlite3.Connection, firsts: Iterable[int]) -> None:
    db.executemany("DELETE FROM drop_ranges WHERE first = ?", [(first,) for first in firsts])
