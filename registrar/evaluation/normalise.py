"""Unites what several scanners found: by alias group, source package and version.

Nothing is dropped and nothing is outvoted: one record is enough.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from registrar.evidence.evidence_values import (
    PlatformEvidence,
    Scanner,
    Severity,
    Vulnerability,
)

_CVE: Final = "CVE-"


@dataclass(frozen=True, slots=True)
class Record:
    """A vulnerability as one scanner reports it."""

    scanner: Scanner
    said: Vulnerability


@dataclass(frozen=True, slots=True)
class Group:
    """Records of the same vulnerability in the same version of a source package. `names` are every
    id and alias, `id` is a CVE where there is one, else the first by name."""

    records: tuple[Record, ...]
    names: frozenset[str]
    id: str

    @property
    def fixed_in(self) -> str:
        """The version that mends it, as one of the scanners says."""
        return next((r.said.fixed_in for r in self.records if r.said.fixed_in), "")

    @property
    def exploited(self) -> bool:
        """Whether any scanner knows that it is exploited."""
        return any(record.said.exploited for record in self.records)

    def severities(self, sources: frozenset[str] | None) -> set[Severity]:
        """Each record's severity; UNKNOWN where its source is not one of those chosen."""
        return {
            record.said.severity
            if sources is None or record.said.severity_source in sources
            else Severity.UNKNOWN
            for record in self.records
        }

    def published_at(self) -> datetime | None:
        """The earliest that a scanner names, else the beginning of its CVE's year."""
        known = [r.said.published_at for r in self.records if r.said.published_at is not None]
        return min(known, default=None) or _year(self.id)


def united(platform: PlatformEvidence) -> list[Group]:
    """The groups of one platform, in the order of package and name."""
    places: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for scan in platform.scans:
        for said in scan.vulnerabilities:
            package = said.package
            key = package.ecosystem, package.source, package.version
            places[key].append(Record(scan.scanner, said))
    return [group for key in sorted(places) for group in _groups(places[key])]


def _groups(records: Iterable[Record]) -> Iterator[Group]:
    groups: list[tuple[set[str], list[Record]]] = []
    index: dict[str, tuple[set[str], list[Record]]] = {}
    for record in records:
        names = set(_names(record.said))
        met = {id(index[name]): index[name] for name in names if name in index}
        home: tuple[set[str], list[Record]] = (names, [])
        for joined in met.values():
            home[0].update(joined[0])
            home[1].extend(joined[1])
        home[1].append(record)
        groups = [group for group in groups if id(group) not in met]
        groups.append(home)
        index.update(dict.fromkeys(home[0], home))
    found = [_group(names, kept) for names, kept in groups]
    return iter(sorted(found, key=lambda group: group.id))


def _group(names: set[str], records: list[Record]) -> Group:
    cves = [name for name in names if name.startswith(_CVE)]
    records.sort(key=_order)
    return Group(tuple(records), frozenset(names), min(cves or names))


def _order(record: Record) -> tuple[str, str, str]:
    return record.scanner.name, record.said.id, record.said.package.name


def _names(said: Vulnerability) -> frozenset[str]:
    return said.aliases | {said.id}


def _year(name: str) -> datetime | None:
    year = name.removeprefix(_CVE).partition("-")[0]
    if name.startswith(_CVE) and year.isdecimal() and 1990 <= int(year) <= 9999:
        return datetime(int(year), 1, 1, tzinfo=UTC)
    return None
