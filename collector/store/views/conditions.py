"""Filters of the page as conditions of a query; knows which column means what, runs nothing."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    String,
    Tuple,
    and_,
    case,
    cast,
    func,
    literal,
    or_,
    tuple_,
)

from collector.model.page_values import HostStatus
from collector.model.times import first_id, us
from collector.store.schema import hosts

Column = ColumnElement[Any]

GRACE = timedelta(seconds=60)  # after the interval; as Fleet does it
MISSING_AFTER = timedelta(days=30)
PLAINLY_ALLOWED = ("approved", "waived", "derived")
SUMMED = ("host_id", "image", "verdict", "scope", "handling", "occurrences", "reference")


def status_at(now: datetime) -> Column:
    """The status of each host: by the collector's clock alone, since hosts' clocks may be wrong."""
    h = hosts.c
    interval = cast(h.interval_s, BigInteger) * 1_000_000  # more than four bytes hold
    silent = us(now) - func.coalesce(h.last_seen_at, h.enrolled_at)
    return case(
        (h.token_revoked_at.is_not(None), str(HostStatus.MISSING)),
        (silent > _us(MISSING_AFTER), str(HostStatus.MISSING)),
        (silent > interval + _us(GRACE), str(HostStatus.OFFLINE)),
        (h.heartbeat_at.is_(None), str(HostStatus.OFFLINE)),
        (h.reasons != "[]", str(HostStatus.DEGRADED)),
        else_=str(HostStatus.ONLINE),
    )


def trouble(status: Column) -> Column:
    """A number by which hosts that need somebody come first; those missing for long come later."""
    order = (HostStatus.OFFLINE, HostStatus.DEGRADED, HostStatus.MISSING)
    return case(*((status == str(one), rank) for rank, one in enumerate(order)), else_=len(order))


def within(column: Column, scope: str) -> Column:
    """That level or one below it."""
    return or_(column == sane(scope), column.startswith(sane(scope) + ".", autoescape=True))


def containing(text: str, *columns: Column) -> Column:
    """Any of the columns holds the text, whatever its case."""
    return or_(
        *(
            func.lower(cast(c, String)).contains(sane(text).lower(), autoescape=True)
            for c in columns
        )
    )


def id_is(column: Column, text: str) -> Column:
    """The column is that UUID; false for what is none."""
    return column == text if is_uuid(text) else literal(False)


def is_uuid(text: str) -> bool:
    """Whether it is a UUID as the tables hold them."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def ids_between(column: Column, since: datetime | None, until: datetime | None) -> Column:
    """Event ids of that time: this is what leaves whole partitions out."""
    bounds: list[Column] = [literal(True)]
    if since is not None:
        bounds.append(column >= first_id(us(since)))
    if until is not None:
        bounds.append(column < first_id(us(until)))
    return and_(*bounds)


def pair(columns: Sequence[Column], values: Sequence[Any] | None = None) -> Tuple:
    """A key of several columns, or such a key's values in the columns' own types, to compare."""
    if values is None:
        return tuple_(*columns)
    return tuple_(*(literal(v, c.type) for c, v in zip(columns, values, strict=True)))


def sane(text: str) -> str:
    """Text that PostgreSQL takes: no U+0000, no half surrogates."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _us(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
