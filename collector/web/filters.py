"""From an address to a filter and back, so that a bookmark is a saved filter; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from collector.model.page_values import FindingFilter, Handling, HostFilter, HostStatus
from core.decision.verdict import Verdict

PERIODS: Final = {
    "24h": ("Last 24 hours", timedelta(hours=24)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
    "90d": ("Last 90 days", timedelta(days=90)),
}
VERDICTS: Final = tuple(str(v) for v in Verdict if v is not Verdict.APPROVED)
_LONGEST: Final = 200  # characters of any one field
_WIDTHS: Final = (  # the chart has some 24 to 90 slots
    (timedelta(days=2), timedelta(hours=1)),
    (timedelta(days=14), timedelta(hours=6)),
)
_MOST_DAYS: Final = 366
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ParsedFilter:
    """A filter, the width of its chart's slots, and what of the address was not understood."""

    filter: FindingFilter
    width: timedelta
    problems: tuple[str, ...]


def parse_finding_filter(
    query: Mapping[str, str], now: datetime, period: str = "7d"
) -> ParsedFilter:
    """Never raises: what makes no sense is reported in `problems` and ignored.

    `from` and `to` are days in UTC, both inclusive, and override `period`.
    """
    problems: list[str] = []
    chosen = query.get("period") or period
    if chosen not in PERIODS:
        problems.append(f"There is no period “{chosen}”: choose one from the list.")
        chosen = period
    first, last = _day(query, "from", problems), _day(query, "to", problems)
    until = (last + timedelta(days=1)) if last else _whole_hour(now) + _HOUR
    since = first or until - PERIODS[chosen][1]
    if since >= until:
        problems.append("“From” is after “to”, so both were ignored.")
        until = _whole_hour(now) + _HOUR
        since = until - PERIODS[chosen][1]
    if until - since > timedelta(days=_MOST_DAYS):
        problems.append(
            f"At most {_MOST_DAYS} days can be shown at once; these are the last of them."
        )
        since = until - timedelta(days=_MOST_DAYS)
    width = next((w for span, w in _WIDTHS if until - since <= span), timedelta(days=1))
    parsed = FindingFilter(
        since=since,
        until=until,
        host=_text(query, "host"),
        scope=_text(query, "scope"),
        verdict=_one_of(query, "verdict", VERDICTS, problems),
        handling=_handling(query, problems),
        image=_text(query, "image"),
        search=_text(query, "search"),
    )
    return ParsedFilter(parsed, width, tuple(problems))


def parse_host_filter(query: Mapping[str, str]) -> tuple[HostFilter, tuple[str, ...]]:
    """The filter, and what was not understood."""
    problems: list[str] = []
    status = _one_of(query, "status", tuple(HostStatus), problems)
    parsed = HostFilter(
        status=HostStatus(status) if status else None,
        scope=_text(query, "scope"),
        search=_text(query, "search"),
    )
    return parsed, tuple(problems)


def _text(query: Mapping[str, str], name: str) -> str:
    return query.get(name, "").strip().replace("\0", "")[:_LONGEST]


def _one_of(
    query: Mapping[str, str], name: str, allowed: tuple[str, ...], problems: list[str]
) -> str:
    value = _text(query, name)
    if value and value not in allowed:
        problems.append(f"There is no {name} “{value}”: choose one from the list.")
        return ""
    return value


def _handling(query: Mapping[str, str], problems: list[str]) -> Handling | None:
    value = _one_of(query, "handling", tuple(Handling), problems)
    return Handling(value) if value else None


def _day(query: Mapping[str, str], name: str, problems: list[str]) -> datetime | None:
    value = _text(query, name)
    if not value:
        return None
    try:
        day = date.fromisoformat(value)
        if not 1970 <= day.year < 2200:  # what the store can keep
            raise ValueError
    except ValueError:
        problems.append(f"“{value}” is not a day such as 2026-01-31, so “{name}” was ignored.")
        return None
    return datetime.combine(day, time(), UTC)


def _whole_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
