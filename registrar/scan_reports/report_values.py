"""A scanner's report as values, whatever format it was written in; no verdict."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from core.image.digest import Digest
from registrar.evidence.evidence_values import (
    Database,
    LicenceClaim,
    OperatingSystem,
    Package,
    Problem,
    Vulnerability,
)


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What one report says of one image.

    `subjects` are all digests by which it names what was scanned (manifest, index or image ID);
    empty where the format or the tool names none. `packages` are those that it lists, with or
    without findings; `lists_packages` is whether the format lists all that were recognised, so
    that their number can prove that the scanner saw something. `not_affected` are the statements
    (vulnerability ID, package URL without qualifiers, reason) of VEX formats that a vulnerability
    does not apply. `written_at` is the report's own time.
    """

    scanner_name: str = ""
    scanner_version: str = ""
    subjects: frozenset[Digest] = frozenset()
    written_at: datetime | None = None
    databases: tuple[Database, ...] = ()
    system: OperatingSystem | None = None
    packages: tuple[Package, ...] = ()
    lists_packages: bool = False
    vulnerabilities: tuple[Vulnerability, ...] = ()
    problems: tuple[Problem, ...] = ()
    licences: tuple[LicenceClaim, ...] = ()
    not_affected: tuple[tuple[str, str, str], ...] = ()


# Reads the raw bytes of a report; raises `ScanReportError` for everything that is not one.
ReportReader = Callable[[bytes], ScanReport]
