"""A record says what the finding says, in the published form, whatever text is in it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given

from core.findings.finding import Finding
from core.findings.finding_record import LONGEST_TEXT, MOST_LABELS, as_record, timestamp
from tests.fakes.findings import a_finding, findings

DOCUMENTED = Path(__file__).parents[2] / "docs/reference/findings.md"


@pytest.fixture(scope="module")
def schema() -> Any:
    return json.loads((files("core") / "schemas/finding-1.schema.json").read_text())


@given(finding=findings)
def test_every_record_is_utf8_json_of_the_published_schema(schema: Any, finding: Finding) -> None:
    record = as_record(finding)
    text = json.dumps(record, allow_nan=False, ensure_ascii=False).encode()
    assert json.loads(text) == record
    jsonschema.Draft202012Validator(schema).validate(record)


def test_the_record_says_what_the_finding_says() -> None:
    record = as_record(a_finding())
    assert record["event"] == "container.refused"
    assert record["at"] == "2026-11-23T12:03:05.567890Z"
    assert record["container"]["name"] == "web-1"
    assert record["decision"]["verdict"] == "unlisted"
    assert record["outcome"] == {
        "action": "kill",
        "enforcement_point": "gate",
        "ran_ms": 0.0,
        "took_ms": 3.25,
        "error": "",
        "breaker_open": False,
    }


def test_the_documented_example_is_a_record(schema: Any) -> None:
    example = DOCUMENTED.read_text().split("```json\n")[1].split("```")[0]
    jsonschema.Draft202012Validator(schema).validate(json.loads(example))


def test_every_field_is_documented(schema: Any) -> None:
    text = DOCUMENTED.read_text()
    names = set(schema["properties"])
    names |= {n for part in schema["$defs"].values() for n in part.get("properties", ())}
    assert {name for name in names if f"`{name}`" not in text} == set()


def test_what_an_attacker_makes_large_is_cut_and_counted() -> None:
    finding = a_finding()
    assert finding.container is not None
    large = replace(
        finding.container,
        command="x" * 1_000_000,
        labels={f"label-{n}": "y" * 100_000 for n in range(1000)},
    )
    record = as_record(replace(finding, container=large))
    assert len(record["container"]["command"]) == LONGEST_TEXT
    assert len(record["container"]["labels"]) == MOST_LABELS
    assert record["container"]["labels_left_out"] == 1000 - MOST_LABELS
    assert len(json.dumps(record)) < 100_000


def test_timestamps_are_of_one_width_in_utc() -> None:
    east = timezone(timedelta(hours=9))
    assert timestamp(datetime(2026, 1, 1, 8, tzinfo=east)) == "2025-12-31T23:00:00.000000Z"
    assert timestamp(datetime(1, 1, 1, tzinfo=UTC)) == "0001-01-01T00:00:00.000000Z"
