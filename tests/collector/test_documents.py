"""The published schemas, the documents' examples and what the collector accepts agree."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from collector.ingest.finding_form import read_finding
from collector.ingest.heartbeat_form import read_heartbeat
from collector.ingest.others import read_drops, read_inventory
from core.hash_chain import START, link
from tests.collector.events import NOW, finding, heartbeat, inventory

ROOT = Path(__file__).parents[2]
EPOCH = "01939a00-0000-7000-8000-000000000001"
DROPS: dict[str, Any] = {
    "version": 1,
    "reason": "spool full",
    "count": 3,
    "bytes": 9,
    "by_type": {"dockwarden.heartbeat.v1": 3},
    "epoch": EPOCH,
    "ranges": [{"first": 1, "last": 3}],
}
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "heartbeat": (read_heartbeat, heartbeat()),
    "inventory": (read_inventory, inventory()),
    "drops": (read_drops, DROPS),
    "finding": (read_finding, finding(NOW)),
}


@cache
def validator(kind: str) -> jsonschema.Draft202012Validator:
    package = "core" if kind == "finding" else "collector"
    text = (ROOT / package / "schemas" / f"{kind}-1.schema.json").read_text()
    jsonschema.Draft202012Validator.check_schema(json.loads(text))
    return jsonschema.Draft202012Validator(json.loads(text))


def accepted(kind: str, data: object) -> bool:
    try:
        KINDS[kind][0](msgspec.Raw(json.dumps(data).encode()))
    except (msgspec.DecodeError, ValueError):
        return False
    return True


@pytest.mark.parametrize("kind", KINDS)
def test_what_fits_the_schema_is_accepted(kind: str) -> None:
    data = KINDS[kind][1]
    validator(kind).validate(data)
    assert accepted(kind, data)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [None, 7, -1, "x", [], {}, [1], {"x": 1}, True, 1.5])
def test_schema_and_collector_refuse_the_same(kind: str, value: object) -> None:
    data = KINDS[kind][1]
    for key in data:
        changed = data | {key: value}
        assert accepted(kind, changed) is validator(kind).is_valid(changed), (key, value)
        without = {name: member for name, member in data.items() if name != key}
        assert accepted(kind, without) is validator(kind).is_valid(without), key


def test_the_documents_example_heartbeat_is_one() -> None:
    text = (ROOT / "docs/internals/reporting.md").read_text()
    found = re.search(r'```json\n(\{"version": 1, "host".*?)\n```', text, re.DOTALL)
    assert found is not None
    example = json.loads(found[1].replace("…", "..."))
    validator("heartbeat").validate(example)
    assert accepted("heartbeat", example)


def test_the_chain_is_what_the_document_says() -> None:
    given = {"epoch": EPOCH, "sequence": 7, "id": "i", "type": "t", "time": "w", "data": b"{}"}
    same = link(START, **given)  # type: ignore[arg-type] # one dict for several types
    assert same == "1f75fd27d2477f3fef3fff776a9c2b21a692648a8fd8536ecb68e441b4f647f6"
    for change in (
        {"sequence": 8}, {"id": "j"}, {"type": "u"}, {"time": "x"}, {"count": 2}, {"data": b"{ }"},
        {"epoch": "other"},
    ):  # fmt: skip
        assert link(START, **(given | change)) != same  # type: ignore[arg-type] # as above
    assert link("1" * 64, **given) != same  # type: ignore[arg-type] # as above
