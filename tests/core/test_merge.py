"""Merges keep what is not ours, byte for byte, and can be taken back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.merging import json_edit
from agent.merging.merge import (
    BEGIN,
    END,
    Block,
    Edit,
    Keys,
    Merge,
    Whole,
    combined,
    from_record,
    merged,
    neutralized,
    taken_back,
    to_record,
)
from agent.merging.merge_engine import EngineWish, engine_advice, engine_keys
from core.base_errors import InvalidFile
from core.json_scan import scan
from tests.core.test_json_edit import json_object

MIRROR = "https://images.acme.test"
WISH = EngineWish(MIRROR)
OURS = {"registry-mirrors", "insecure-registries", "live-restore"}
_KEYS = st.sampled_from(["debug", "log-opts", "data-root", "Ünï", "", "registry-mirrors "])
_MIRRORS = st.sampled_from(
    ["", '"registry-mirrors" :[ "https://a" ,"https://b" ],', '"registry-mirrors":null,',
     '"registry-mirrors": [\n"https:\\/\\/images.acme.test\\u002f"],', '"registry-mirrors":[],']
)  # fmt: skip
_OTHERS = st.sampled_from(
    ["", '"live-restore": false,', '"insecure-registries": ["10.0.0.0/8", "images.acme.test"],']
)
_EDGES = st.sampled_from(["", "\n", "\r\n", " \t", "\n\n\n"])


@st.composite
def daemon_json(draw: st.DrawFn) -> bytes:
    """Any valid daemon.json, with or without our keys, as people and programs write it."""
    text = draw(json_object(keys=_KEYS))
    ours = draw(_MIRRORS) + draw(_OTHERS)
    inner = text[1:-1]
    body = f"{ours}{inner}" if inner.strip() else ours[:-1]
    bom = draw(st.sampled_from(["", "\ufeff"]))
    return f"{bom}{draw(_EDGES)}{{{body}}}{draw(_EDGES)}".encode()


def _foreign(data: bytes) -> list[str]:
    """The foreign members as they are written, in order."""
    text = data.decode()
    root = scan(text)
    members = root.members if root else ()
    return [text[member.start : member.end] for member in members if member.key not in OURS]


@given(daemon_json(), st.booleans())
def test_a_merge_keeps_every_foreign_key_and_value_and_their_bytes(data: bytes, live: bool) -> None:
    wish = EngineWish(MIRROR, live_restore=live)
    after = merged(engine_keys(data, wish), data)
    assert _foreign(after) == _foreign(data)
    mirrors = json_edit.value(after.decode(), ["registry-mirrors"])
    assert [mirror.rstrip("/") for mirror in mirrors] == [MIRROR]
    assert merged(engine_keys(after, wish), after) == after, "it is its own drift"


@given(daemon_json(), daemon_json())
def test_taking_back_leaves_what_others_have_written_since(data: bytes, other: bytes) -> None:
    keys = engine_keys(data, WISH)
    since = merged(engine_keys(other, WISH), other)
    back = taken_back(keys, since, data)
    assert back is not None
    assert _foreign(back) == _foreign(since)
    found, before = (json_edit.raw(d.decode(), ["registry-mirrors"]) for d in (back, data))
    if json_edit.value(since.decode(), ["registry-mirrors"]) == keys.edits[0].value:
        assert found == before


@given(st.binary(max_size=80))
def test_any_bytes_are_merged_or_refused_by_one_error(data: bytes) -> None:
    for make in (lambda: engine_keys(data, WISH), lambda: Block("x = 1\n"), lambda: Whole("x")):
        try:
            merge: Merge = make()
            merged(merge, data)
        except InvalidFile as error:
            assert error.hint


WRONG = [
    ('{"registry-mirrors": "https://a"}', "registry-mirrors is a string; it must be a list of"),
    ('{"registry-mirrors": [1]}', "registry-mirrors is a list of mixed types"),
    ('{"registry-mirrors": {}}', "registry-mirrors is an object"),
    ('{"live-restore": "yes"}', "live-restore is a string; it must be true or false"),
    ('{"insecure-registries": "a"}', "insecure-registries must be a list of strings"),
    ('["registry-mirrors"]', "the document is of type array"),
]


@pytest.mark.parametrize(("text", "words"), WRONG, ids=[text for text, _ in WRONG])
def test_names_the_key_whose_type_is_wrong(text: str, words: str) -> None:
    wish = EngineWish(MIRROR, live_restore=True)
    with pytest.raises(InvalidFile, match=words):
        merged(engine_keys(text.encode(), wish), text.encode())


def test_only_entries_that_take_the_mirrors_tls_away_are_dropped() -> None:
    entries = ["images.acme.test", "IMAGES.acme.test:443", "10.0.0.0/8", "x.test:5000"]
    data = json.dumps({"insecure-registries": entries}).encode()
    keys = engine_keys(data, WISH)
    after = json.loads(merged(keys, data))
    assert after["insecure-registries"] == ["10.0.0.0/8", "x.test:5000"]
    assert taken_back(keys, merged(keys, data), data) == data
    by_address = engine_keys(data, EngineWish("https://10.1.2.3:5000"))
    assert "10.0.0.0/8" not in json.loads(merged(by_address, data))["insecure-registries"]
    plain = engine_keys(data, EngineWish("http://images.acme.test"))
    assert json.loads(merged(plain, data))["insecure-registries"] == entries


COVERING = [
    "images.acme.test", "HTTPS://Images.acme.test/", "http://images.acme.test",
    "images.acme.test:443", "10.1.2.3", "10.1.2.3:443", "10.0.0.0/8", "https://10.0.0.0/8",
    "2001:db8::/32", "[2001:db8::7]:443",
]  # fmt: skip


@pytest.mark.parametrize("entry", COVERING)
def test_an_entry_covers_the_mirror_by_its_name_and_by_every_address(entry: str) -> None:
    wish = EngineWish(MIRROR, addresses=frozenset({"10.1.2.3", "2001:db8::7"}))
    data = json.dumps({"insecure-registries": [entry], "debug": True}).encode()
    keys = engine_keys(data, wish)
    assert "insecure-registries" not in json.loads(merged(keys, data)), "empty is no default"
    assert taken_back(keys, merged(keys, data), data) is not None
    edited = merged(keys, data).replace(b"true", b"false")
    back = json.loads(taken_back(keys, edited, data) or b"")
    assert back == {"insecure-registries": [entry], "debug": False}
    theirs = b'{"insecure-registries": ["theirs.test"]}'
    assert taken_back(keys, theirs, data) == theirs


@pytest.mark.parametrize(
    "entry", ["acme.test", "images.acme.test:80", "10.1.2.0/31", "", "/", "x/y/z"]
)
def test_an_entry_for_others_is_theirs(entry: str) -> None:
    wish = EngineWish(MIRROR, addresses=frozenset({"10.1.2.3", "2001:db8::7"}))
    data = json.dumps({"insecure-registries": [entry]}).encode()
    assert json.loads(merged(engine_keys(data, wish), data))["insecure-registries"] == [entry]


def test_says_what_is_not_as_recommended() -> None:
    advice = engine_advice(b'{"insecure-registries": ["x.test"]}', WISH)
    assert ["x.test" in advice[0], "live-restore" in advice[1]] == [True, True]
    assert engine_advice(b'{"live-restore": true}', WISH) == ()


def test_a_key_that_somebody_has_set_since_is_theirs() -> None:
    keys = engine_keys(None, WISH)
    theirs = b'{"registry-mirrors": ["https://theirs"]}'
    assert taken_back(keys, theirs, None) == theirs


def test_nothing_is_left_of_a_file_that_was_absent() -> None:
    keys = engine_keys(None, WISH)
    assert taken_back(keys, merged(keys, None), None) is None
    edited = merged(keys, None).replace(b"{", b'{"debug": true,', 1)
    assert json.loads(taken_back(keys, edited, None) or b"") == {"debug": True}


def test_an_engine_forgets_absent_keys_by_their_neutral_values() -> None:
    keys = engine_keys(b"{}", EngineWish(MIRROR, live_restore=True))
    between = neutralized(keys, b'{"debug": true}')
    assert json.loads(between or b"") == {
        "debug": True, "registry-mirrors": [], "live-restore": False
    }  # fmt: skip
    assert neutralized(keys, b'{"registry-mirrors": ["https://a"], "live-restore": true}') is None
    assert json.loads(neutralized(keys, None) or b"")["registry-mirrors"] == []


def test_what_an_older_merge_had_changed_is_not_forgotten() -> None:
    data = b'{"insecure-registries": ["images.acme.test"], "debug": true}'
    first = engine_keys(data, WISH)
    healed = merged(first, data).replace(b"true", b"false")
    both = combined(first, engine_keys(healed, WISH))
    back = json.loads(taken_back(both, healed, data) or b"")
    assert back == {"insecure-registries": ["images.acme.test"], "debug": False}


@given(st.text(alphabet='ab\n#=[]"', max_size=20))
def test_a_block_comes_and_goes(text: str) -> None:
    block = Block('[registry."docker.io"]\nmirrors = ["x"]\n')
    after = merged(block, text.encode())
    assert after.count(BEGIN.encode()) == after.count(END.encode()) == 1
    assert merged(block, after) == after
    back = taken_back(block, after, text.encode())
    assert back in (text.encode(), f"{text}\n".encode())
    assert merged(block, after + b"[mine]\n").startswith(f"{text}".encode())


def test_a_block_without_its_end_is_refused() -> None:
    with pytest.raises(InvalidFile, match="is missing"):
        merged(Block("x = 1\n"), f"{BEGIN}\nx = 1\n".encode())


@pytest.mark.parametrize(
    "merge",
    [engine_keys(None, WISH), Block("x\n"), Whole("y"), Keys((Edit(("a", ""), [{}], keep=True),))],
)
def test_a_merge_survives_being_written_down(merge: Merge) -> None:
    assert from_record(json.loads(json.dumps(to_record(merge)))) == merge
