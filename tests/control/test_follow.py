"""The follower: only queues, resumes where it was, ends the process with what nobody named."""

import queue
from collections.abc import Callable, Iterator, Sequence

import pytest

from agent.app import follow
from agent.app.follow import EventsArrived, Follower, StreamDown, StreamUp
from agent.ports import STREAM, EngineEvent, StreamNote
from tests.core.build import image
from tests.fakes.engine import FakeEngine
from tests.fakes.events import FakeEvents
from tests.patience import PATIENCE

Follow = Callable[..., "Followed"]


class Followed:
    """A follower on a simulated engine, and what it queued."""

    def __init__(self, engine: FakeEngine, stream: object, since_ns: int | None) -> None:
        self.engine = engine
        self.queue: queue.Queue[object] = queue.Queue()
        self.follower = Follower(
            stream,  # type: ignore[arg-type] # an EventStream, or what stands for a broken one
            self.queue.put,
            since_ns=since_ns,
            crashed=self.queue.put,
        )
        self.follower.start()

    def next(self) -> object:
        """The next message."""
        return self.queue.get(timeout=PATIENCE)

    def until(self, kind: type) -> list[object]:
        """All messages up to the first of a kind."""
        got = [self.next()]
        while not isinstance(got[-1], kind):
            got.append(self.next())
        return got


@pytest.fixture
def engine() -> FakeEngine:
    """A simulated engine with one image."""
    engine = FakeEngine()
    engine.load_image(image("app"), "app")
    return engine


@pytest.fixture
def following(engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Follow]:
    """Follows the engine; ends at the end."""
    monkeypatch.setattr(follow, "RETRY_SECONDS", (0.001,))
    made: list[Followed] = []

    def begin(since_ns: int | None = None, stream: FakeEvents | None = None) -> Followed:
        made.append(Followed(engine, stream or engine.events(), since_ns))
        return made[-1]

    yield begin
    for each in made:
        each.follower.close()


def events(messages: Sequence[object]) -> list[EngineEvent]:
    """The events in some messages."""
    return [e for each in messages if isinstance(each, EventsArrived) for e in each.events]


def test_up_comes_before_the_events(following: Follow, engine: FakeEngine) -> None:
    followed = following()
    assert followed.next() == StreamUp()
    engine.create("app", "web")
    (event,) = events([followed.next()])
    assert (event.action, event.name) == ("create", "web")


def test_after_a_loss_it_resumes_behind_the_last_event(
    following: Follow, engine: FakeEngine
) -> None:
    followed = following()
    followed.next()
    engine.create("app", "one")
    (last,) = events([followed.next()])
    engine.up = False
    engine.hub.end()
    assert isinstance(followed.next(), StreamDown)
    engine.up = True
    engine.create("app", "two")
    got = events([*followed.until(StreamUp), followed.next()])
    assert [event.name for event in got] == ["two"]
    assert got[0].time_ns > last.time_ns


def test_a_memory_that_was_lost_is_a_gap(following: Follow, engine: FakeEngine) -> None:
    followed = following()
    followed.next()
    engine.create("app", "one")
    followed.next()
    engine.crash()
    assert isinstance(followed.next(), StreamDown)
    engine.restart()
    (note,) = events([*followed.until(StreamUp), followed.next()])
    assert (note.type, note.action) == (STREAM, StreamNote.GAP)


def test_a_bookmark_of_an_earlier_process_is_where_it_begins(
    following: Follow, engine: FakeEngine
) -> None:
    engine.create("app", "one")
    since = engine.hub.memory[-1].time_ns + 1
    engine.create("app", "two")
    followed = following(since)
    followed.next()
    assert [event.name for event in events([followed.next()])] == ["two"]


def test_an_engine_that_is_away_is_tried_again(following: Follow, engine: FakeEngine) -> None:
    engine.up = False
    followed = following()
    assert [isinstance(followed.next(), StreamDown) for _ in range(3)] == [True] * 3
    engine.up = True
    assert followed.until(StreamUp)


def test_what_nobody_named_is_handed_over(following: Follow) -> None:
    class Broken:
        def batches(self, _: int | None) -> Iterator[Sequence[EngineEvent]]:
            raise ZeroDivisionError

        def close(self) -> None:
            """Nothing runs."""

    followed = following(None, Broken())
    assert isinstance(followed.next(), ZeroDivisionError)


def test_closing_ends_it(following: Follow, engine: FakeEngine) -> None:
    followed = following()
    followed.next()
    followed.follower.close()
    followed.follower._thread.join(PATIENCE)
    engine.create("app", "late")
    assert events([followed.queue.get_nowait() for _ in range(followed.queue.qsize())]) == []
