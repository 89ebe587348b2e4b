"""The published schemas of the payload and its reader say the same of every document."""

import copy
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from core.allowlist.allowlist import Constraints, Deny
from core.base_errors import InvalidAllowlist
from core.list_format.payload import Blob, Part, PublicKey, ScopeDenies, StalePolicy, Trail
from core.list_format.payload_read import inflate, read_base, read_denies, read_list, read_trail
from core.list_format.payload_write import base_of, write_denies, write_list
from tests.adapters.test_allowlist_schema import REPLACEMENTS, holder, places
from tests.core.build import DAY, NOW, digest, waiver
from tests.core.payloads import MemoryBlobs, listing, signed

# What the schemas cannot express (their descriptions say so).
BEYOND = (
    "is not after",
    "is not a child of",
    "is not at the top",
    "is not 'acme'",
    "is not 'emergency'",
    "it lasts",
    "is not one of the image's digests",
    "several platforms, but no index",
    "two have one id",
    "approvals",
    "another set",
    "sequences do not rise",
    "newer than the list",
    "no delta begins after it",
)
SHA = "ab" * 32
MORE = [*REPLACEMENTS, SHA, "ab" * 31, "hold", "linux/amd64", "emergency", "acme", 8 << 20, 9 << 20]


def base_document() -> bytes:
    blobs = MemoryBlobs()
    parts = [Part(Blob(3, SHA, 10), 2)]
    blob = base_of("acme", 3, parts, blobs.put, Trail(1, (Blob(2, SHA, 5),)))
    return inflate(blobs.kept[blob.sha256])


def said(deny: Deny, scope: str) -> Any:
    return json.loads(write_denies(ScopeDenies(scope, 1, (deny,))))


def read_whole_base(data: bytes, scope: str) -> None:
    read_base(data, scope)
    read_trail(data, scope)


SHORT = listing(
    approvals=[signed("a", platforms=("linux/amd64", "linux/arm64"), reason="why")],
    waivers=[waiver("deny")],
    constraints=Constraints(
        ("registry.acme.example/**",),
        frozenset({"trivy"}),
        frozenset({"MIT"}),
        timedelta(days=90),
        True,
    ),
    policy=StalePolicy(break_glass_keys=(PublicKey("k1", "ed25519", "ed25519", "ff"),)),
    contact="ask Ann",
)
LONG = {
    **json.loads(write_list(listing("acme", sequence=9))),
    "base": {"sequence": 3, "sha256": SHA, "length": 7},
    "deltas": [{"sequence": 9, "sha256": SHA, "length": 7}],
    "since": 8,
}
del LONG["approvals"]
PLAIN = Deny(frozenset({digest("d")}), "bad", True, NOW, by="ada")
URGENT = Deny(frozenset({digest("d")}), "bad", False, NOW, NOW + DAY, "ada", "emergency")
Case = tuple[str, str, dict[str, Any], Callable[[bytes, str], object]]
CASES: dict[str, Case] = {
    "short": ("list", "acme", json.loads(write_list(SHORT)), read_list),
    "long": ("list", "acme", LONG, read_list),
    "deny": (
        "deny",
        "acme",
        said(PLAIN, "acme"),
        read_denies,
    ),
    "emergency": (
        "deny",
        "emergency",
        said(URGENT, "emergency"),
        read_denies,
    ),
    "base": ("part", "acme", json.loads(base_document()), read_whole_base),
}
PLACES = [(name, path) for name, case in CASES.items() for path in places(case[2])]


def schema(kind: str) -> jsonschema.Draft202012Validator:
    path = Path(__file__).parents[2] / f"core/schemas/scope-{kind}-1.schema.json"
    return jsonschema.Draft202012Validator(json.loads(path.read_text()))


def accepted(case: Case, document: Any) -> bool | None:
    """Whether the reader takes it; None where it asks for more than the schema can."""
    _, scope, _, read = case
    try:
        read(json.dumps(document).encode(), scope)
    except InvalidAllowlist as error:
        assert error.hint
        assert error.message.startswith(f"{scope}/")
        return None if any(words in error.message for words in BEYOND) else False
    return True


@pytest.mark.parametrize(("name", "path"), PLACES, ids=str)
def test_they_agree_whatever_stands_in_each_place(name: str, path: tuple[str | int, ...]) -> None:
    case = CASES[name]
    document, validator = copy.deepcopy(case[2]), schema(case[0])
    place = holder(document, path)
    for value in MORE:
        place[path[-1]] = value
        verdict = accepted(case, document)
        if verdict is not None:
            assert validator.is_valid(document) is verdict, value


@pytest.mark.parametrize(("name", "path"), PLACES, ids=str)
def test_they_agree_on_what_is_left_out_or_added(name: str, path: tuple[str | int, ...]) -> None:
    case = CASES[name]
    document, validator = copy.deepcopy(case[2]), schema(case[0])
    place = holder(document, path)
    del place[path[-1]]
    if (verdict := accepted(case, document)) is not None:
        assert validator.is_valid(document) is verdict
    if isinstance(place, dict):
        place["surplus"] = 1
        assert accepted(case, document) is not True
        assert not validator.is_valid(document)


@pytest.mark.parametrize("name", CASES)
def test_what_is_written_is_of_the_schema_and_read(name: str) -> None:
    validator = schema(CASES[name][0])
    validator.check_schema(validator.schema)
    validator.validate(CASES[name][2])
    assert accepted(CASES[name], CASES[name][2])
