"""The workspace's folder of evidence: files named by their SHA-256, written once, never changed.

`evidence/sha256/ab/HEX.json` is evidence on one image, `HEX.report` the raw report of a scanner.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.durable import make_directory, write_file
from core.image.digest import Digest
from registrar.evidence.evidence_json import (
    EvidenceHead,
    read_evidence,
    read_head,
    write_evidence,
)
from registrar.evidence.evidence_values import ImageEvidence
from registrar.evidence.value_json import EvidenceInvalid, wrong

FOLDER: Final = "evidence"
_MODE: Final = 0o644
_DIRECTORY_MODE: Final = 0o755
_PREFIX = re.compile(r"[0-9a-f]{4,64}")


@dataclass(frozen=True, slots=True)
class StoredEvidence:
    """Evidence with the digest of its file."""

    digest: Digest
    evidence: ImageEvidence


class EvidenceStore:
    """Evidence and raw reports below a folder, which the first write makes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, evidence: ImageEvidence) -> Digest:
        """Keep it durably; the digest is its name. Raises `EvidenceInvalid` where a report that it
        names is not here, or `OSError`."""
        for report in reports_of(evidence):
            self.report(report)
        return self._keep(write_evidence(evidence), "json")

    def add_report(self, data: bytes) -> Digest:
        """Keep a scanner's raw report; raises `OSError`."""
        return self._keep(data, "report")

    def read(self, digest: Digest) -> StoredEvidence:
        """Raises `EvidenceInvalid` where it is missing or changed."""
        data = self._bytes(digest, "json")
        at = str(self._path(digest, "json"))
        return StoredEvidence(digest, read_evidence(data, at, name=digest.hex))

    def report(self, digest: Digest) -> bytes:
        """A raw report; raises `EvidenceInvalid` where it is missing or changed."""
        data = self._bytes(digest, "report")
        if Digest.of(data) != digest:
            raise wrong(str(self._path(digest, "report")), "its content was changed")
        return data

    def digests(self) -> list[Digest]:
        """Every stored evidence, in the order of their digests."""
        return sorted(Digest("sha256", path.stem) for path in self.folder.glob("sha256/??/*.json"))

    def all(self) -> Iterator[StoredEvidence]:
        """Everything stored; raises `EvidenceInvalid` at the first that is changed."""
        return map(self.read, self.digests())

    def latest(self) -> Iterator[StoredEvidence]:
        """The newest evidence on each image, in the order of repositories, one after the other:
        a store may hold more than fits into memory. Raises `EvidenceInvalid`."""
        newest: dict[str, tuple[EvidenceHead, Digest]] = {}
        for digest in self.digests():
            head = read_head(self._bytes(digest, "json"), str(self._path(digest, "json")))
            known = newest.get(head.id)
            if known is None or _order(*known) < _order(head, digest):
                newest[head.id] = head, digest
        chosen = sorted(newest.values(), key=lambda found: (found[0].repository, found[0].id))
        return (self.read(digest) for _, digest in chosen)

    def find(self, text: str) -> StoredEvidence:
        """By the beginning of the evidence's digest, or of the image's (then the newest). Raises
        `EvidenceInvalid` where none or several match."""
        prefix = text.removeprefix("sha256:")
        if not _PREFIX.fullmatch(prefix):
            raise wrong(text[:80], "it is not the beginning of a digest")
        named = [digest for digest in self.digests() if digest.hex.startswith(prefix)]
        found = [*map(self.read, named)] or [
            stored for stored in self.latest() if stored.evidence.id.hex.startswith(prefix)
        ]
        if len(found) == 1:
            return found[0]
        raise EvidenceInvalid(
            f"{len(found) or 'no'} evidence begins with {text[:80]}",
            hint="`evidence list` shows what is stored; write more digits",
        )

    def faults(self) -> list[EvidenceInvalid]:
        """Everything that is missing or changed, evidence and reports."""
        found: list[EvidenceInvalid] = []
        for digest in self.digests():
            try:
                stored = self.read(digest)
            except EvidenceInvalid as error:
                found.append(error)
                continue
            found += self._lost_reports(stored.evidence)
        return found

    def _lost_reports(self, evidence: ImageEvidence) -> Iterator[EvidenceInvalid]:
        for report in reports_of(evidence):
            try:
                self.report(report)
            except EvidenceInvalid as error:
                yield error

    def _keep(self, data: bytes, kind: str) -> Digest:
        digest = Digest.of(data)
        path = self._path(digest, kind)
        if not path.is_file() or path.read_bytes() != data:
            make_directory(path.parent, mode=_DIRECTORY_MODE)
            write_file(path, data, mode=_MODE)
        return digest

    def _bytes(self, digest: Digest, kind: str) -> bytes:
        path = self._path(digest, kind)
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            raise wrong(str(path), "there is no such file") from error

    def _path(self, digest: Digest, kind: str) -> Path:
        return self.folder / digest.algorithm / digest.hex[:2] / f"{digest.hex}.{kind}"


def reports_of(evidence: ImageEvidence) -> list[Digest]:
    """The raw reports that the evidence names."""
    scans = (scan for platform in evidence.platforms for scan in platform.scans)
    return [scan.report for scan in scans if scan.report is not None]


def _order(head: EvidenceHead, digest: Digest) -> tuple[str, Digest]:
    return head.fetched_at.removesuffix("Z"), digest  # in UTC: their text sorts as they do
