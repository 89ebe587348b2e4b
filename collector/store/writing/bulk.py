"""Many rows in one statement, in the way each database is fastest at; knows no table's meaning.

SQLite runs one prepared INSERT over all rows. PostgreSQL gets one array a column and unnests them,
which is one round trip and one plan however many rows there are.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Dialect, Table, bindparam, delete, select, tuple_
from sqlalchemy.dialects import postgresql

_PG: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy's own gap


def insert(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]], tail: str) -> Any:
    """Insert rows of all the table's columns, in their order; `tail` follows (ON CONFLICT …)."""
    if not rows:
        return None
    sqlite = connection.dialect.name == "sqlite"
    statement = f"{_head(table, sqlite)} {tail}"
    if sqlite:
        return connection.exec_driver_sql(statement, list(rows))
    return connection.exec_driver_sql(statement, tuple(map(list, zip(*rows, strict=True))))


def insert_new(
    connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]
) -> set[tuple[str, str]]:
    """Insert the rows whose key (the first two columns) is not taken; returns their keys."""
    if not rows:
        return set()
    one, two = (column.name for column in list(table.columns)[:2])
    if connection.dialect.name != "sqlite":
        result = insert(
            connection, table, rows, f"ON CONFLICT DO NOTHING RETURNING {one}::text, {two}::text"
        )
        return {(row[0], row[1]) for row in result}
    keys = [(row[0], row[1]) for row in rows]
    first, second = table.columns[one], table.columns[two]
    taken: set[tuple[str, str]] = set()
    for start in range(0, len(keys), 400):  # two variables each; SQLite may be built with 999
        found = select(first, second).where(
            tuple_(first, second).in_(bindparam("keys", expanding=True))
        )
        taken |= {(r[0], r[1]) for r in connection.execute(found, {"keys": keys[start:][:400]})}
    new = [row for row in rows if (row[0], row[1]) not in taken]
    insert(connection, table, new, "")  # nobody else writes in between: the lock is exclusive
    return {(row[0], row[1]) for row in new}


def forget(connection: Connection, table: Table, column: str, keys: Sequence[str]) -> None:
    """Delete the rows of which `column` is one of `keys`."""
    for start in range(0, len(keys), 500):
        connection.execute(delete(table).where(table.c[column].in_(keys[start : start + 500])))


@cache
def _head(table: Table, sqlite: bool) -> str:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    if sqlite:
        return f"INSERT INTO {table.name} ({names}) VALUES ({', '.join('?' * len(table.columns))})"
    # Binary (%b), since the text form of an array escapes each quote of the JSON in it, in Python.
    arrays = ", ".join(
        f"%b::{'bigint' if column.type.python_type is int else 'text'}[]"
        f"::{column.type.compile(_PG)}[]"
        for column in table.columns
    )
    return f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays})"
