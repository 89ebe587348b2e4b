"""Diffs show what differs, and no secrets."""

import pytest

from agent.merging.diff import masked, unified


def test_shows_one_line_in_its_context() -> None:
    before = b"".join(b"line %d\n" % n for n in range(20))
    diff = unified("/etc/x", before, before.replace(b"line 9\n", b"line nine\n"))
    assert diff.startswith("--- /etc/x\n+++ /etc/x\n@@ -7,7 +7,7 @@\n")
    assert "-line 9\n+line nine\n" in diff
    assert "line 2\n" not in diff


def test_shows_absent_files_and_missing_line_ends() -> None:
    assert unified("/x", None, b"a\n").startswith("--- /dev/null\n+++ /x\n")
    assert "\n\\ No newline at end of file" in unified("/x", b"a\n", b"a")
    assert unified("/x", b"a", b"a") == unified("/x", None, None) == ""


SECRETS = [
    '"http-proxy": "http://joe:s3cret@proxy:3128"',
    '"http-proxy": "http:\\/\\/joe:s3cret@proxy:3128"',
    '"splunk-token": "s3cret"',
    '"splunk-token" : "a\\"s3cret"',
    "password = 's3cret'",
    'auth = "s3cret"',
]


@pytest.mark.parametrize("line", SECRETS)
def test_covers_secrets(line: str) -> None:
    assert "s3cret" not in masked(line)
    assert "s3cret" not in unified("/x", line.encode(), b"a")


def test_leaves_the_rest() -> None:
    text = '"registry-mirrors": ["https://images.acme.test/"], "author": "me"'
    assert masked(text) == text


@pytest.mark.parametrize("word", ["a", "token ", 'token="', "a.b-", "://", "'", '"\\"'])
def test_a_text_is_masked_in_one_pass(word: str) -> None:
    """A pattern that tries every start of a long word would not end within a day."""
    assert masked(word * 300_000).startswith(word[:1])
