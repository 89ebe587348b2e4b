"""Evidence about one image as values: what scanners found, and what its files say; no verdict.

A scan is *conclusive*, *inconclusive* or an *error*, and never "clean": whether what it found is
acceptable is the evaluation's to say. An inconclusive scan counts as no scan at all.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

from core.image.digest import Digest


class Severity(IntEnum):
    """How bad a vulnerability is, in the words that scanners share; a larger one is worse."""

    UNKNOWN = 0
    NEGLIGIBLE = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5


class ScanState(StrEnum):
    """What a scan is worth: INCONCLUSIVE means that the scanner ran and may have seen nothing
    (`ScanResult.reasons` says why), ERROR that it did not come to an end."""

    CONCLUSIVE = "conclusive"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


class ProblemKind(StrEnum):
    """What a scanner found besides vulnerabilities."""

    MALWARE = "malware"
    SECRET = "secret"
    MISCONFIGURATION = "misconfiguration"


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """A package in an image. `ecosystem` is the type of its package URL (`deb`, `apk`, `pypi`);
    `source` is the source package that vulnerabilities are counted by, else its own name."""

    ecosystem: str
    name: str
    version: str
    source: str

    @property
    def url(self) -> str:
        """The package URL without qualifiers, by which reports of several tools are compared."""
        return f"pkg:{self.ecosystem}/{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """A vulnerability of one package as one scanner reports it.

    `id` is the scanner's own (`CVE-…`, `GHSA-…`), `aliases` are the other names of the same.
    `severity_source` names who rated it (`nvd`, `debian`). `fixed_in` is the version that mends
    it, empty where there is none. `exploited`: known to be exploited; None: the scanner cannot say.
    """

    id: str
    package: Package
    severity: Severity
    severity_source: str = ""
    aliases: frozenset[str] = frozenset()
    fixed_in: str = ""
    published_at: datetime | None = None
    exploited: bool | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Malware, a secret or a misconfiguration, with the path in the image that holds it."""

    kind: ProblemKind
    name: str
    path: str = ""
    severity: Severity = Severity.UNKNOWN


@dataclass(frozen=True, slots=True)
class LicenceClaim:
    """An SPDX licence expression as it was found; `package` is None for the image as a whole."""

    expression: str
    package: Package | None = None


@dataclass(frozen=True, slots=True)
class OperatingSystem:
    """`ID` and `VERSION_ID` of the image's os-release, such as `debian` and `12`."""

    id: str
    version: str


@dataclass(frozen=True, slots=True)
class Database:
    """What a scanner compared with: its content by hash where it is a file, and its age."""

    name: str
    built_at: datetime | None = None
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Scanner:
    """A scanner that ran. `name` is the word that policies and approvals use. Scanners of the
    same `engine` are not independent of each other: they find and miss the same."""

    name: str
    engine: str
    version: str = ""
    sha256: str = ""  # of its program


@dataclass(frozen=True, slots=True)
class ScanResult:
    """One scanner's word on one platform of an image.

    `subject` is the manifest digest that was scanned, `packages_seen` how many packages the
    scanner recognised, `ecosystems` the package types that it covers (empty: it does not say),
    `report` the SHA-256 of its stored raw report.
    """

    scanner: Scanner
    subject: Digest
    state: ScanState
    started_at: datetime
    finished_at: datetime
    reasons: tuple[str, ...] = ()
    vulnerabilities: tuple[Vulnerability, ...] = ()
    problems: tuple[Problem, ...] = ()
    licences: tuple[LicenceClaim, ...] = ()
    system: OperatingSystem | None = None
    packages_seen: int = 0
    ecosystems: frozenset[str] = frozenset()
    databases: tuple[Database, ...] = ()
    report: Digest | None = None


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What the files of one platform say, read by us and by no scanner. `user` is who the image
    runs as (empty: root); `setuid` are paths of files with the set-user-ID bit."""

    platform: str
    manifest: Digest
    created_at: datetime | None = None
    system: OperatingSystem | None = None
    user: str = ""
    setuid: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    diff_ids: tuple[Digest, ...] = ()
    packages: tuple[Package, ...] = ()


@dataclass(frozen=True, slots=True)
class PlatformEvidence:
    """One platform's facts and scans."""

    facts: ImageFacts
    scans: tuple[ScanResult, ...] = ()


@dataclass(frozen=True, slots=True)
class ImageEvidence:
    """Everything that is known of one image. `repository` is where it came from (domain and
    path), `id` the digest of its index or only manifest, `signed_by` the identities or keys whose
    signature of `id` was verified, `upstream_released_at` when its upstream last released."""

    repository: str
    id: Digest
    fetched_at: datetime
    platforms: tuple[PlatformEvidence, ...]
    tags: tuple[str, ...] = ()
    signed_by: frozenset[str] = field(default_factory=frozenset)
    upstream_released_at: datetime | None = None
