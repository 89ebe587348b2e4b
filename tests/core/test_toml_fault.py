"""Broken TOML is placed at the entry that cannot be read, whatever Python's reader says."""

import tomllib

import pytest

from core.toml_fault import toml_fault

GOOD = '# top\n[a]\nlist = [\n  "]", # not the end [\n  1,\n]\ntext = """\n[x\n"""\n\n[b]\n'


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a = [", "line 1"),
        ("a = 1\na = 2\n", "line 2"),
        ("\n\n# words\n=\n", "line 4"),
        (GOOD + "key\n", "line 12"),
        (GOOD + "key = 1\n\n[a]\n", "line 14"),
        (GOOD + "key = [\n1,\n2\nnext = 3\n", "line 12"),
        (GOOD + 'key = """\nnever\nending\n', "line 12"),
        (GOOD + "key = 'never ending\nother = 1\n", "line 12"),
        ("a = 1\nb = " + "[" * 5000, "line 2"),
        ("a = 1\nb = " + "9" * 5000, "line 2"),
        ("a = 1 ]\nb = 2\n", "line 1"),
    ],
)
def test_the_line_of_the_first_entry_that_is_wrong(text: str, place: str) -> None:
    with pytest.raises((ValueError, RecursionError)):
        tomllib.loads(text)
    assert toml_fault(text) == place


def test_what_stands_before_the_fault_is_read() -> None:
    assert tomllib.loads(GOOD)["a"]["list"] == ["]", 1]


def test_a_large_file_is_placed_soon() -> None:
    text = "".join(f"key{n} = {n}\n" for n in range(5000)) + "key7 = 1\n"
    assert toml_fault(text) == "line 5001"
