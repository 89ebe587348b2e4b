"""Evidence as canonical JSON: the same evidence is the same bytes, named by their SHA-256."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from core.image.digest import Digest
from registrar.evidence.evidence_values import ImageEvidence
from registrar.evidence.value_json import document_of, value_of, wrong

FORMAT: Final = 1


class EvidenceHead(msgspec.Struct):
    """What a list of evidence is ordered by; nothing of it is checked."""

    repository: str
    id: str
    fetched_at: str


def write_evidence(evidence: ImageEvidence) -> bytes:
    """Keys sorted, no white space, what equals its default left out; read back before it counts.

    Raises `EvidenceInvalid` where the reader would not yield the same evidence.
    """
    at = f"evidence on {evidence.id}"
    try:
        data = _canonical({"format": FORMAT, **document_of(evidence)})
    except (UnicodeEncodeError, OverflowError, TypeError) as error:
        raise wrong(at, f"it cannot be written: {error}") from error
    if read_evidence(data, at) != evidence:
        raise wrong(at, "it does not read back as it was")
    return data


def read_evidence(data: bytes, at: str, *, name: str = "") -> ImageEvidence:
    """Raises `EvidenceInvalid` naming `at` and the JSON path. `name`: the SHA-256 that the bytes
    must have."""
    if name and Digest.of(data).hex != name:
        raise wrong(at, "its content is not what it is named after")
    document = _decoded(data, at)
    if document.pop("format", None) != FORMAT:
        raise wrong(f"{at}: $.format", f"it is not {FORMAT}")
    evidence: ImageEvidence = value_of(ImageEvidence, document, f"{at}: $")
    return evidence


def read_head(data: bytes, at: str) -> EvidenceHead:
    """The head alone, many times faster; raises `EvidenceInvalid`. For choosing what to read."""
    try:
        return msgspec.json.decode(data, type=EvidenceHead)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise wrong(at, f"it is no evidence: {error}") from error


def _decoded(data: bytes, at: str) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(data)
        canonical = _canonical(document)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        raise wrong(at, f"it is no JSON: {error}") from error
    if canonical != data:
        raise wrong(at, "it is not canonical: keys sorted and once, no white space")
    if not isinstance(document, dict):
        raise wrong(at, "it is not an object")
    return document


def _canonical(document: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(document, order="sorted")
