"""Digests and chain IDs: their grammar (OCI image-spec, descriptor.md) and arithmetic."""

import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.base_errors import InvalidDigest
from core.image.digest import Digest, chain_ids

EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_the_digest_of_nothing_is_the_published_one() -> None:
    assert str(Digest.of(b"")) == EMPTY
    assert Digest.of(b"").short == "e3b0c44298fc"


@pytest.mark.parametrize("text", [EMPTY, "sha384:" + "0" * 96, "sha512:" + "a" * 128])
def test_registered_algorithms_are_read(text: str) -> None:
    assert str(Digest.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256:",
        EMPTY.upper(),
        EMPTY[:-1],
        EMPTY + "0",
        EMPTY + "\n",
        " " + EMPTY,
        EMPTY.removeprefix("sha256:"),
        "md5:" + "0" * 32,
        "sha256+b64u:" + "0" * 64,
        "sha512:" + "0" * 64,
        "sha256:" + "٣" * 64,  # Arabic digits are not hexadecimal digits
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidDigest) as caught:
        Digest.parse(text)
    assert caught.value.hint


@given(st.text() | st.from_regex(r"sha(256|512):[0-9a-f]{60,70}", fullmatch=True))
def test_any_text_is_a_digest_or_one_named_error(text: str) -> None:
    with contextlib.suppress(InvalidDigest):
        assert str(Digest.parse(text)) == text


def test_chain_ids_follow_the_image_spec() -> None:
    layers = [Digest.of(b"a"), Digest.of(b"b"), Digest.of(b"c")]
    first = str(layers[0])
    second = "sha256:" + hashlib.sha256(f"{first} {layers[1]}".encode()).hexdigest()
    third = "sha256:" + hashlib.sha256(f"{second} {layers[2]}".encode()).hexdigest()
    assert [str(chain_id) for chain_id in chain_ids(layers)] == [first, second, third]
    assert chain_ids([]) == ()


@given(st.lists(st.binary(max_size=4), max_size=5), st.integers(0, 5))
def test_the_chain_of_a_prefix_is_a_prefix_of_the_chain(contents: list[bytes], cut: int) -> None:
    layers = [Digest.of(content) for content in contents]
    assert chain_ids(layers)[:cut] == chain_ids(layers[:cut])
