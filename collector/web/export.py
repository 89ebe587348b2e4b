"""Rows as CSV and JSON, safe to open in a spreadsheet; knows rows, not where they come from."""

import csv
import dataclasses
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

from starlette.responses import Response, StreamingResponse

from collector.model.page_values import Slice
from collector.web.formatting import machine_time
from core.text import printable

Row = TypeVar("Row")
MOST_ROWS: Final = 100_000
# What makes a spreadsheet take a cell for a formula (OWASP, "CSV Injection"), full-width forms too.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - those are meant

_BEFORE_FORMULA: Final = re.compile(rf"(^|[;,|])( *[{re.escape(''.join(_FORMULA))}])")


def every(ask: Callable[[str], Slice[Row]]) -> Iterator[Row]:
    """The rows of all slices, `MOST_ROWS` at most."""
    after, written = "", 0
    while True:
        part = ask(after)
        yield from part.rows[: MOST_ROWS - written]
        written += len(part.rows)
        after = part.after
        if not after or written >= MOST_ROWS:
            return


def exported(rows: Iterable[Any], kind: type[Any], name: str, form: str) -> Response:
    """An attachment `name.csv` or `name.json` of dataclass rows, sent while it is read."""
    if form == "json":
        return StreamingResponse(_as_json(rows), 200, _attached(name, form), "application/json")
    return StreamingResponse(_as_csv(rows, kind), 200, _attached(name, form), "text/csv")


def guarded(value: Any) -> str:
    """A cell's text; what a spreadsheet would calculate gets an apostrophe before it, also after a
    character at which some readers part cells. Control characters are written out."""
    if isinstance(value, bool | int | float):
        return str(value)
    text = _BEFORE_FORMULA.sub(r"\1'\2", _plain_text(value))
    return printable(text)


def _plain_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return machine_time(value)
    if isinstance(value, tuple):
        return "; ".join(str(item) for item in value)
    if isinstance(value, Mapping):
        return json.dumps(dict(value), ensure_ascii=False)
    return str(value)


def _as_csv(rows: Iterable[Any], kind: type[Any]) -> Iterator[str]:
    names = [field.name for field in dataclasses.fields(kind)]
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerow(names)
    for row in rows:
        yield _taken(buffer)
        writer.writerow([guarded(getattr(row, name)) for name in names])
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def _as_json(rows: Iterable[Any]) -> Iterator[str]:
    """An array; one that a failure cuts off lacks its end, so nobody takes it for all."""
    before = "[\n"
    for row in rows:
        yield before + json.dumps(dataclasses.asdict(row), default=_plain_text)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def _attached(name: str, form: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}.{form}"'}
