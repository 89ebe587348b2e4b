"""Evidence files: what is written reads back, and what is anything else is one named error."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.image.digest import Digest
from registrar.evidence.evidence_json import read_evidence, write_evidence
from registrar.evidence.evidence_values import ImageEvidence, ImageFacts, PlatformEvidence
from registrar.evidence.value_json import EvidenceInvalid
from tests.evidence.evidence_strategies import NOW, evidences

SCHEMA = json.loads((Path(__file__).parents[2] / "core/schemas/evidence-1.schema.json").read_text())
SMALL = ImageEvidence(
    "docker.io/library/nginx",
    Digest.of(b"index"),
    NOW,
    (PlatformEvidence(ImageFacts("linux/amd64", Digest.of(b"manifest"))),),
)


@given(evidences)
def test_every_evidence_reads_back_and_follows_the_schema(evidence: ImageEvidence) -> None:
    data = write_evidence(evidence)
    assert read_evidence(data, "e.json") == evidence
    jsonschema.validate(json.loads(data), SCHEMA)


def test_the_bytes_are_pinned() -> None:
    assert (
        write_evidence(SMALL)
        == (
            f'{{"fetched_at":"2027-05-22T08:00:00Z","format":1,"id":"{Digest.of(b"index")}",'
            f'"platforms":[{{"facts":{{"manifest":"{Digest.of(b"manifest")}",'
            '"platform":"linux/amd64"}}],"repository":"docker.io/library/nginx"}'
        ).encode()
    )


@given(evidences, st.data())
def test_a_changed_byte_is_refused_by_name(evidence: ImageEvidence, data: st.DataObject) -> None:
    good = bytearray(write_evidence(evidence))
    at = data.draw(st.integers(0, len(good) - 1))
    changed = bytearray(good)
    changed[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(EvidenceInvalid, match=r"e\.json"):
        read_evidence(bytes(changed), "e.json", name=Digest.of(bytes(good)).hex)


@given(evidences, st.data())
def test_garbage_reads_or_is_one_named_error(evidence: ImageEvidence, data: st.DataObject) -> None:
    changed = bytearray(write_evidence(evidence))
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = read_evidence(bytes(changed), "e.json")
    except EvidenceInvalid as error:
        assert str(error).startswith("e.json")
    else:
        assert write_evidence(read) == bytes(changed)


def _with(**changes: Any) -> bytes:
    document = json.loads(write_evidence(SMALL)) | changes
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (_with(format=2), r"\$\.format"),
        (_with(more=1), r"unknown key 'more'"),
        (_with(id="sha256:0"), r"\$\.id"),
        (_with(fetched_at="2027-05-22T10:00:00+02:00"), r"\$\.fetched_at"),
        (_with(platforms=[{"facts": {}}]), r"\$\.platforms\[0\]\.facts\.platform: it is missing"),
        (_with(tags="latest"), r"\$\.tags"),
        (b" " + write_evidence(SMALL), "not canonical"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "not an object"),
        (b"\xff", "no JSON"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(data: bytes, place: str) -> None:
    with pytest.raises(EvidenceInvalid, match=place):
        read_evidence(data, "e.json")
