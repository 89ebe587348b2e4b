"""Foreign text comes out writable: valid UTF-8, and on one line that moves no cursor."""

import json

from hypothesis import given
from hypothesis import strategies as st

from core.text import encodable, plain, printable, shortened
from tests.fakes.findings import any_text


@given(any_text)
def test_encodable_text_is_utf8_and_otherwise_untouched(text: str) -> None:
    clean = encodable(text)
    clean.encode()
    if not any("\ud800" <= c <= "\udfff" for c in text):
        assert clean == text


@given(any_text)
def test_printable_text_is_one_printable_line(text: str) -> None:
    assert printable(text).isprintable()


def test_what_is_not_printable_is_written_out() -> None:
    assert printable("a\nb\x1b[0m\u202e\ud800 é") == r"a\nb\x1b[0m\u202e\ud800 é"


@given(any_text, st.integers(1, 50))
def test_shortened_text_keeps_its_limit_and_shows_the_cut(text: str, limit: int) -> None:
    short = shortened(text, limit)
    assert len(short) <= limit
    assert short == text or short.endswith("…")


leaves = st.none() | st.booleans() | st.integers() | st.floats() | any_text | st.binary(max_size=3)
trees = st.recursive(
    leaves,
    lambda t: (
        st.lists(t, max_size=3)
        | st.tuples(t, t)
        | st.dictionaries(any_text | st.integers(), t, max_size=3)
    ),
    max_leaves=8,
)


@given(trees)
def test_plain_values_are_strict_json(tree: object) -> None:
    text = json.dumps(plain(tree), allow_nan=False, ensure_ascii=False)
    assert json.loads(text.encode()) == plain(tree)
