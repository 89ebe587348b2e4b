"""Events: what is believed of them, and that no bytes end the stream."""

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.adapters.docker_engine.events import DockerEvents, parse
from agent.errors import EngineUnavailable
from agent.ports import STREAM, EngineEvent, StreamNote
from tests.adapters.docker_server import END, HEAD, chunk, serving


def line(**changes: Any) -> bytes:
    """An event as 28.5 sends it."""
    event: dict[str, Any] = {
        "status": "start",
        "id": "ab" * 32,
        "from": "acme/web:1",
        "Type": "container",
        "Action": "start",
        "Actor": {"ID": "ab" * 32, "Attributes": {"image": "acme/web:1", "name": "web"}},
        "scope": "local",
        "time": 1795454068,
        "timeNano": 1795454068348995891,
    }
    return json.dumps(event | changes).encode() + b"\n"


def test_an_event_is_read_with_its_nanoseconds() -> None:
    assert parse(line()) == EngineEvent(
        "container", "start", "ab" * 32, 1795454068348995891, "acme/web:1", "web"
    )


@pytest.mark.parametrize(
    ("sent", "action"),
    [
        ("exec_create: /bin/sh -c echo a:b", "exec_create"),
        ("exec_start: true ", "exec_start"),
        ("health_status: healthy", "health_status"),
        ("start", "start"),
    ],
)
def test_an_action_is_cut_at_its_colon(sent: str, action: str) -> None:
    assert parse(line(Action=sent)).action == action


def test_an_image_event_lets_no_label_speak_as_its_image() -> None:
    actor = {"ID": "sha256:" + "0" * 64, "Attributes": {"image": "approved:1", "name": "web:1"}}
    event = parse(line(Type="image", Action="tag", Actor=actor))
    assert (event.image, event.name) == ("", "web:1")


@pytest.mark.parametrize("attributes", [None, {}, {"name": "web", "image": "x", "more": "y"}])
def test_attributes_may_be_missing(attributes: dict[str, str] | None) -> None:
    assert parse(line(Actor={"ID": "x", "Attributes": attributes})).actor == "x"


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["Type", "Action", "Actor", "ID", "timeNano"]), inner)
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode())
)
def test_any_bytes_are_an_event_or_one_named_error(data: bytes) -> None:
    try:
        event = parse(data)
    except EngineUnavailable:
        return
    assert isinstance(event.time_ns, int)
    assert ":" not in event.action


def test_deep_nesting_is_one_named_error() -> None:
    with pytest.raises(EngineUnavailable):
        parse(b'{"Type":"x","Action":"y","junk":' + b"[" * 100_000 + b"]" * 100_000 + b"}")


def collect(path: Path, body: bytes, since_ns: int | None = None) -> list[Sequence[EngineEvent]]:
    def answer(target: str) -> bytes:
        return HEAD + (body if "until=" not in target else b"") + END

    with serving(path, answer):
        return list(DockerEvents(str(path)).batches(since_ns))


def test_an_unreadable_event_is_reported_and_the_stream_goes_on(tmp_path: Path) -> None:
    body = chunk(line()) + chunk(b"{not json\n") + chunk(b"\xff\xfe\n") + chunk(line(Action="die"))
    events = [event for batch in collect(tmp_path / "s", body) for event in batch]
    assert [event.action for event in events] == [
        "start",
        StreamNote.UNREADABLE,
        StreamNote.UNREADABLE,
        "die",
    ]
    assert events[1].name == "{not json"
    assert events[1].time_ns == events[0].time_ns


def test_unreadable_events_are_counted(tmp_path: Path) -> None:
    with serving(tmp_path / "s", lambda _: HEAD + chunk(b"[]\n1\n") + END):
        stream = DockerEvents(str(tmp_path / "s"))
        list(stream.batches(None))
    assert stream.unreadable == 2


def test_broken_framing_ends_the_stream_with_the_named_error(tmp_path: Path) -> None:
    with serving(tmp_path / "s", lambda _: HEAD + chunk(line()) + b"not a size\r\n"):
        batches = DockerEvents(str(tmp_path / "s")).batches(None)
        with pytest.raises(EngineUnavailable):
            list(batches)


def test_without_a_start_it_subscribes_from_the_engines_present_second(tmp_path: Path) -> None:
    with serving(tmp_path / "s", lambda _: HEAD + END) as targets:
        assert list(DockerEvents(str(tmp_path / "s")).batches(None)) == [()]
    assert targets[0] == "/_ping"
    assert targets[1].startswith("/events?since=1795435200.000000000&filters=")


def test_a_start_is_asked_for_to_the_nanosecond(tmp_path: Path) -> None:
    with serving(tmp_path / "s", lambda _: HEAD + END) as targets:
        list(DockerEvents(str(tmp_path / "s")).batches(1_000_000_001))
    assert targets[0].startswith("/events?since=1.000000000&until=1.000000000&")
    assert targets[1].startswith("/events?since=1.000000001&filters=")


def test_continuity_that_is_not_proven_is_a_gap(tmp_path: Path) -> None:
    batches = collect(tmp_path / "s", chunk(line()), since_ns=1795454068348995000)
    assert batches[0] == ()
    assert [event.action for event in batches[1]] == [StreamNote.GAP]
    assert batches[1][0].type == STREAM


@pytest.mark.parametrize("since_ns", [0, 1])
def test_the_beginning_of_time_is_a_gap_and_no_error(tmp_path: Path, since_ns: int) -> None:
    assert collect(tmp_path / "s", b"", since_ns)[1][0].action is StreamNote.GAP


def test_an_instant_yet_to_come_is_a_gap_and_no_error(tmp_path: Path) -> None:
    """After the clock was set back the engine keeps the question open until that instant."""

    def answer(target: str) -> bytes:
        return HEAD if "until=" in target else HEAD + END

    with serving(tmp_path / "s", answer, holds=lambda target: "until=" in target):
        stream = DockerEvents(str(tmp_path / "s"), timeout=1.0)
        batches = list(stream.batches(4_000_000_000_000_000_000))
    assert batches[1][0].action is StreamNote.GAP


def test_close_ends_a_stream_that_has_fallen_silent(tmp_path: Path) -> None:
    with serving(tmp_path / "s", lambda _: HEAD, holds=lambda _: True):
        stream = DockerEvents(str(tmp_path / "s"))
        batches = stream.batches(None)
        assert next(iter(batches)) == ()
        threading.Timer(0.05, stream.close).start()
        assert list(batches) == []


def test_a_refusal_names_its_status(tmp_path: Path) -> None:
    refusal = b"HTTP/1.1 403 Forbidden\r\nDate: Mon, 23 Nov 2026 12:00:00 GMT\r\n\r\n"
    with serving(tmp_path / "s", lambda _: refusal), pytest.raises(EngineUnavailable, match="403"):
        list(DockerEvents(str(tmp_path / "s")).batches(None))
