"""JSON text is read strictly and edited in place: every other byte stays."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.merging import json_edit
from core.base_errors import InvalidFile
from core.json_scan import decoded, scan

BROKEN = [
    ("{", "line 1, column 2"),
    ('{"a": 1,}', "line 1, column 9"),
    ('{\n "a": 1\n "b": 2}', "line 3, column 2"),
    ('{"a": 01}', "line 1, column 8"),
    ('{"a": "\t"}', "line 1, column 7"),
    ('{"a": 1} x', "line 1, column 10"),
    ("{'a': 1}", "line 1, column 2"),
    ('{"a": NaN}', "line 1, column 7"),
    ('{"a": 1, // why\n "b": 2}', "line 1, column 10"),
    ('{"a": 1, "\\u0061": 2}', "line 1, column 10"),
    ('{"x": {"b": 1, "b": 1}}', "line 1, column 16"),
    ('{"a": ' + "[" * 5000, "nested more than"),
    ("[]", "must be an object"),
    ("\v{}", "line 1, column 1"),
]


@pytest.mark.parametrize(("text", "place"), BROKEN, ids=[text[:20] for text, _ in BROKEN])
def test_names_line_and_column_of_what_is_broken(text: str, place: str) -> None:
    with pytest.raises(InvalidFile, match=place):
        json_edit.value(text, ["a"])


def test_names_the_place_of_what_is_no_utf8() -> None:
    with pytest.raises(InvalidFile, match="line 2, byte 3: not UTF-8"):
        decoded(b'{\n "\xff": 1}')
    with pytest.raises(InvalidFile):
        scan(decoded('{"a": 1}'.encode("utf-16")))


PLACED = [
    ("{}", '{\n  "k": 1\n}'),
    ("", '{\n  "k": 1\n}\n'),
    ("\n\t", '{\n  "k": 1\n}\n'),
    ('{"a":1}', '{"a":1,"k":1}'),
    ('{"a": 1}', '{"a": 1, "k": 1}'),
    ('{\n    "a": 1\n}\n', '{\n    "a": 1,\n    "k": 1\n}\n'),
    ('{\r\n\t"a" : 1\r\n}', '{\r\n\t"a" : 1,\r\n\t"k" : 1\r\n}'),
    ('\ufeff{"a":1}', '\ufeff{"a":1,"k":1}'),
    ('{"a":1\n,"b":2}', '{"a":1\n,"b":2,"k":1}'),
    ('{"k": [1,  2], "z":0}', '{"k": 1, "z":0}'),
    ('{"\\u006b":null}', '{"\\u006b":1}'),
]


@pytest.mark.parametrize(("text", "expected"), PLACED, ids=[repr(text) for text, _ in PLACED])
def test_a_new_key_is_written_as_its_neighbours_are(text: str, expected: str) -> None:
    assert json_edit.put(text, ["k"], "1") == expected


def test_missing_objects_are_made() -> None:
    text = json_edit.put('{"default": []}', ["transports", "docker", ""], "[]")
    assert json.loads(text) == {"default": [], "transports": {"docker": {"": []}}}
    assert json_edit.put(text, ["transports", "docker", "x"], "1") == text.replace(
        '"": []', '"": [], "x": 1'
    )


@pytest.mark.parametrize("key", ["a", "b", "c"])
def test_removes_one_member(key: str) -> None:
    text = '{\n  "a": 1,\n  "b": {"x": [1]},\n  "c": 3\n}\n'
    left = json.loads(json_edit.remove(text, [key]))
    assert list(left) == [other for other in "abc" if other != key]
    assert json_edit.remove(text, ["d"]) == text


_SPACE = st.sampled_from(["", " ", "\n", "\t", "\r\n  ", "  \n"])
_KEY = st.text(max_size=6)


@st.composite
def _string(draw: st.DrawFn, text: str | None = None) -> str:
    """A JSON string, each character written in one of its spellings."""
    text = draw(st.text(max_size=8)) if text is None else text
    spelt = []
    for c in text:
        plain = json.dumps(c, ensure_ascii=c in '"\\' or c < " ")[1:-1]
        spelt.append(plain if draw(st.booleans()) else json.dumps(c)[1:-1])
    return f'"{"".join(spelt)}"'


@st.composite
def json_text(draw: st.DrawFn, depth: int = 0) -> str:
    """Any JSON value as people write it: odd white space, escapes, numbers."""
    kinds = ["string", "number", "word"] + (["array", "object"] if depth < 3 else [])
    match draw(st.sampled_from(kinds)):
        case "string":
            return draw(_string())
        case "number":
            return draw(st.sampled_from(["0", "-0.0", "1e999", "12E-3", "9" * 5000, "-7"]))
        case "word":
            return draw(st.sampled_from(["true", "false", "null"]))
        case "array":
            items = draw(st.lists(json_text(depth + 1), max_size=3))
            return f"[{draw(_SPACE)}{f'{draw(_SPACE)},'.join(items)}{draw(_SPACE)}]"
    return draw(json_object(depth))


@st.composite
def json_object(draw: st.DrawFn, depth: int = 0, keys: Any = _KEY) -> str:
    """Any JSON object; its keys are distinct."""
    names = draw(st.lists(keys, max_size=4, unique=True))
    members = [
        f"{draw(_SPACE)}{draw(_string(name))}{draw(_SPACE)}:{draw(_SPACE)}"
        f"{draw(json_text(depth + 1))}{draw(_SPACE)}"
        for name in names
    ]
    return f"{{{','.join(members) or draw(_SPACE)}}}"


@given(json_object())
def test_reads_whatever_is_valid(text: str) -> None:
    root = scan(text)
    assert root is not None
    assert (root.start, root.end, root.kind) == (0, len(text), "object")


@given(json_object(), st.text(max_size=3))
def test_put_then_remove_leaves_no_trace(text: str, key: str) -> None:
    root = scan(text)
    assert root is not None
    if key in {member.key for member in root.members} or not root.members:
        return
    put = json_edit.put(text, [key], '["x"]')
    assert json_edit.value(put, [key]) == ["x"]
    assert json_edit.remove(put, [key]) == text


@given(st.binary(max_size=60) | st.text(alphabet='{}[]",:\\ue0', max_size=40).map(str.encode))
def test_any_bytes_are_read_or_refused_by_one_error(data: bytes) -> None:
    try:
        json_edit.value(decoded(data), ["a", "b"])
    except InvalidFile as error:
        assert error.hint
