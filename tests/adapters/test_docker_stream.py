"""The HTTP reader: any bytes are content, or one named error."""

import contextlib
import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.docker_engine.stream import Dechunker, LineSplitter, Response
from agent.errors import EngineUnavailable
from tests.adapters.docker_server import END, HEAD, chunk, serving

pieces = st.lists(st.binary(min_size=1, max_size=300), max_size=8)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The same bytes in pieces, as a network delivers them."""
    marks = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in itertools.pairwise(marks)]


@given(pieces, st.lists(st.integers(min_value=0), max_size=20))
def test_dechunking_gives_the_content_however_it_is_cut(
    content: list[bytes], places: list[int]
) -> None:
    wire = b"".join(map(chunk, content)) + END
    dechunker = Dechunker()
    got = b"".join(dechunker.feed(piece) for piece in cut(wire, places))
    assert got == b"".join(content)
    assert dechunker.finished


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_any_bytes_are_dechunked_or_one_named_error(wire: list[bytes]) -> None:
    dechunker = Dechunker()
    with contextlib.suppress(EngineUnavailable):
        for piece in wire:
            dechunker.feed(piece)


@pytest.mark.parametrize("size", [b"", b"-1", b"0x5", b"+5", b"5_0", b"g", b"f" * 16, b"1" * 2000])
def test_what_is_no_chunk_size_is_refused(size: bytes) -> None:
    with pytest.raises(EngineUnavailable):
        Dechunker().feed(size + (b"" if len(size) > 1000 else b"\r\n"))


def test_a_chunk_extension_is_ignored() -> None:
    assert Dechunker().feed(b"3;name=value\r\nabc\r\n") == b"abc"


@given(st.lists(st.binary(max_size=40).filter(lambda b: b"\n" not in b), max_size=12), st.data())
def test_lines_come_out_whole_however_they_are_cut(lines: list[bytes], data: st.DataObject) -> None:
    wire = b"".join(line + b"\n" for line in lines)
    places = data.draw(st.lists(st.integers(min_value=0), max_size=12))
    splitter = LineSplitter()
    got = [line for piece in cut(wire, places) for line in splitter.feed(piece)]
    assert got == [line for line in lines if line]


def test_an_endless_line_is_cut_and_the_next_one_is_whole() -> None:
    splitter = LineSplitter(limit=10_000)
    for _ in range(50):
        assert splitter.feed(b"x" * 1000) == []
    assert splitter.feed(b"xx\nnext\n") == [b"x" * 1024, b"next"]


def read(
    path: Path, answer: bytes, *, timeout: float = 5.0, body_timeout: float | None = None
) -> bytes:
    with serving(path, lambda _: answer):
        response = Response(str(path), "/x", timeout=timeout, body_timeout=body_timeout)
        try:
            return b"".join(response.body())
        finally:
            response.close()


@pytest.mark.parametrize(
    "answer",
    [
        HEAD + chunk(b"abc") + chunk(b"def") + END,
        HEAD + chunk(b"abcdef"),
        b"HTTP/1.1 200 OK\r\n\r\nabcdef",
    ],
    ids=["whole", "broken off", "until the end of the connection"],
)
def test_a_body_ends_with_its_answer_or_its_connection(tmp_path: Path, answer: bytes) -> None:
    assert read(tmp_path / "s", answer) == b"abcdef"


@pytest.mark.parametrize(
    "answer",
    [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"HTTP/1.1\r\n\r\n", b"HTTP/1.1 200", b"x" * 70_000],
)
def test_what_is_no_answer_is_one_named_error(tmp_path: Path, answer: bytes) -> None:
    with pytest.raises(EngineUnavailable, match="cannot be read"):
        read(tmp_path / "s", answer)


def test_silence_before_the_head_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="does not answer in time"):
        read(tmp_path / "s", b"", timeout=0.1)


def test_a_socket_that_is_not_there_is_an_error_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="is the engine running"):
        Response(str(tmp_path / "none"), "/x", timeout=1.0)
