"""Sums of violations by the hour, so that no page counts events; knows no other table."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from collector.model.records import Record, Row
from collector.model.times import HOUR_US
from collector.store.schema import rollups
from collector.store.writing import bulk

Key = tuple[int, str, str, str, str, str]  # hour, host, image, verdict, scope, handling

_TAIL = """
ON CONFLICT (hour, host_id, image, verdict, scope, handling) DO UPDATE SET
  occurrences = rollups.occurrences + excluded.occurrences,
  first_at = CASE WHEN excluded.first_at < rollups.first_at
                  THEN excluded.first_at ELSE rollups.first_at END,
  last_at = CASE WHEN excluded.last_at > rollups.last_at
                 THEN excluded.last_at ELSE rollups.last_at END,
  reference = excluded.reference,
  next_step = excluded.next_step
"""


@dataclass(slots=True)
class Sum:
    """What one row of this transaction adds."""

    occurrences: int
    first_at: int
    last_at: int
    reference: str
    next_step: str


def add(sums: dict[Key, Sum], host_id: str, records: Iterable[Record]) -> None:
    """Count the violations among new records."""
    for record in records:
        row = record.body
        if not isinstance(row, Row) or row.kind != "violation":
            continue
        hour = record.at - record.at % HOUR_US
        key = (hour, host_id, row.image, row.verdict, row.scope, row.handling)
        found = sums.get(key)
        if found is None:
            sums[key] = Sum(record.count, record.at, record.at, row.reference, row.next_step)
            continue
        found.occurrences += record.count
        found.first_at = min(found.first_at, record.at)
        found.last_at = max(found.last_at, record.at)
        found.reference, found.next_step = row.reference, row.next_step


def save(connection: Connection, sums: dict[Key, Sum]) -> None:
    """Add the sums to the table, in the order of their keys: replicas cannot deadlock."""
    rows = [
        (*key, s.occurrences, s.first_at, s.last_at, s.reference, s.next_step)
        for key, s in sorted(sums.items())
    ]
    bulk.insert(connection, rollups, rows, _TAIL)
