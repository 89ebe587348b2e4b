"""The published schema and the parser say the same of every document."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.adapters.allowlist_file import dump
from agent.adapters.allowlist_file.reading import parse
from core.allowlist.allowlist import Level
from core.base_errors import InvalidAllowlist
from tests.adapters.test_allowlist_file import EXAMPLE
from tests.core.strategies import chains

PATH = Path(__file__).parents[2] / "core/schemas/allowlist-1.schema.json"
SCHEMA = jsonschema.Draft202012Validator(json.loads(PATH.read_text()))
DOCUMENT = json.loads(EXAMPLE)

# What the schema cannot express (its description says so).
BEYOND = ("is not a child of", "is not at the top", "is not after", "is none of the approval's")

REPLACEMENTS: list[Any] = [
    None,
    True,
    0,
    1,
    -1,
    2**53,
    1.5,
    36_500,
    36_501,
    "",
    " ",
    "x",
    "Acme",
    "acme.x-1",
    "acme..x",
    "deny",
    "constraint",
    "registry.acme.example/**",
    "registry.acme.example:5000/app",
    "App",
    "app:1",
    "-tag",
    "a" * 64,
    "z" * 129,
    "sha256:" + "1" * 64,
    "sha256:" + "1" * 63,
    "SHA256:" + "1" * 64,
    "sha512:" + "1" * 128,
    "sha512:" + "1" * 64,
    "2026-12-01T00:00:00Z",
    "2026-12-01T00:00:00.25+01:00",
    "2026-12-01T00:00:00",
    "2026-12-01",
    "2026-12-01 00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-12-01T24:00:00Z",
    "2026-12-01t00:00:00z",
    [],
    [""],
    ["x"],
    [1],
    ["sha256:" + "1" * 64],
    {},
    {"scope": "acme.x"},
    [{}],
    [{"scope": "acme"}],
]


def accepted(document: Any) -> bool | None:
    """Whether the parser takes it; None where it asks for more than the schema can."""
    try:
        parse(json.dumps(document).encode())
    except InvalidAllowlist as error:
        return None if any(words in error.message for words in BEYOND) else False
    return True


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every value in the document but itself."""
    steps = value.items() if isinstance(value, dict) else enumerate(value)
    for step, inner in steps:
        yield (*path, step)
        if isinstance(inner, dict | list):
            yield from places(inner, (*path, step))


def holder(document: Any, path: tuple[str | int, ...]) -> Any:
    for step in path[:-1]:
        document = document[step]
    return document


@pytest.mark.parametrize("path", list(places(DOCUMENT)), ids=str)
def test_they_agree_whatever_stands_in_each_place(path: tuple[str | int, ...]) -> None:
    document = copy.deepcopy(DOCUMENT)
    place = holder(document, path)
    for value in REPLACEMENTS:
        place[path[-1]] = value
        verdict = accepted(document)
        if verdict is not None:
            assert SCHEMA.is_valid(document) is verdict, value


@pytest.mark.parametrize("path", list(places(DOCUMENT)), ids=str)
def test_they_agree_on_what_is_left_out_or_added(path: tuple[str | int, ...]) -> None:
    document = copy.deepcopy(DOCUMENT)
    place = holder(document, path)
    del place[path[-1]]
    if (verdict := accepted(document)) is not None:
        assert SCHEMA.is_valid(document) is verdict
    if isinstance(place, dict):
        place["surplus"] = 1
        assert accepted(document) is False
        assert not SCHEMA.is_valid(document)


def test_the_documented_example_is_of_the_schema() -> None:
    SCHEMA.validate(DOCUMENT)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA.schema)


@settings(max_examples=50)
@given(chains(), st.integers(0, 99))
def test_what_is_dumped_is_of_the_schema(levels: tuple[Level, ...], sequence: int) -> None:
    SCHEMA.validate(json.loads(dump(levels, sequence)))
