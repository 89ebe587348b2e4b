"""The contract of `ports.EventStream`, on the simulated host and on real engines."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import EngineUnavailable
from agent.ports import STREAM, EngineEvent, StreamNote
from tests.contract.engine_host import EngineHost, FakeEngineHost, Made, RealEngineHost
from tests.contract.listener import Listener, actions
from tests.lab.host import LabHost


def notes(events: list[EngineEvent]) -> list[str]:
    """What the stream said of itself."""
    return [event.action for event in events if event.type == STREAM]


def starts_of(container_id: str) -> Callable[[list[EngineEvent]], bool]:
    """Whether the container's start is among the events."""
    return lambda events: "start" in actions(events, container_id)


class EventsContract:
    """What every event stream must do."""

    def run(self, engine_host: EngineHost, made: Made | None = None) -> str:
        container_id = engine_host.create((made or engine_host.image()).reference)
        engine_host.start(container_id)
        return container_id

    def last_of(self, engine_host: EngineHost, container_id: str) -> EngineEvent:
        """The start event of a container that ran already."""
        with Listener(engine_host.events(), 1) as listener:
            events = listener.until(starts_of(container_id))
        return [event for event in events if event.actor == container_id][-1]

    def test_the_first_batch_is_empty_and_the_life_of_a_container_follows(
        self, engine_host: EngineHost
    ) -> None:
        with Listener(engine_host.events()) as listener:
            container_id = self.run(engine_host)
            engine_host.engine.remove(container_id)
            events = listener.until(lambda e: "destroy" in actions(e, container_id))
        assert listener.first == ()
        assert actions(events, container_id) == ["create", "start", "die", "destroy"]
        assert notes(events) == []
        times = [event.time_ns for event in events]
        assert times == sorted(times)

    def test_labels_change_neither_the_image_nor_the_name_of_an_event(
        self, engine_host: EngineHost
    ) -> None:
        made = engine_host.image()
        with Listener(engine_host.events()) as listener:
            labels = {"image": "approved:1", "name": "innocent", "type": "x"}
            container_id = engine_host.create(made.reference, labels=labels)
            events = listener.until(lambda e: "create" in actions(e, container_id))
        created = next(event for event in events if event.actor == container_id)
        assert (created.type, created.image) == ("container", made.reference)
        assert created.name.startswith("lab-")

    def test_images_come_and_go_as_events_of_their_digest(self, engine_host: EngineHost) -> None:
        with Listener(engine_host.events()) as listener:
            made = engine_host.image()
            engine_host.tag(made, "lab/other:1")
            engine_host.delete_image("lab/other:1")
            digest = str(made.image_id)
            events = listener.until(lambda e: "untag" in actions(e, digest))
        assert {"load", "tag", "untag"} <= set(actions(events, digest))
        assert {event.image for event in events if event.type == "image"} == {""}

    def test_what_came_after_the_last_event_seen_is_replayed_without_a_gap(
        self, engine_host: EngineHost
    ) -> None:
        made = engine_host.image()
        seen = self.last_of(engine_host, self.run(engine_host, made))
        later = self.run(engine_host, made)
        with Listener(engine_host.events(), seen.time_ns + 1) as listener:
            events = listener.until(starts_of(later))
        assert notes(events) == []
        assert seen not in events
        assert actions(events, later) == ["create", "start"]

    def test_an_overrun_memory_is_a_gap(self, engine_host: EngineHost) -> None:
        made = engine_host.image()
        seen = self.last_of(engine_host, self.run(engine_host, made))
        for number in range(300):
            engine_host.tag(made, f"lab/overrun:{number}")
        with Listener(engine_host.events(), seen.time_ns + 1) as listener:
            events = listener.until(lambda e: e)
        assert listener.first == ()
        assert events[0].action is StreamNote.GAP
        assert events[0].time_ns == seen.time_ns

    def test_an_engine_that_dies_ends_the_stream_and_leaves_a_gap(
        self, engine_host: EngineHost
    ) -> None:
        seen = self.last_of(engine_host, self.run(engine_host))
        with Listener(engine_host.events()) as listener:
            engine_host.crash()
            try:
                listener.until_end()
                with pytest.raises(EngineUnavailable):
                    next(iter(engine_host.events().batches(None)))
            finally:
                engine_host.restart()
        with Listener(engine_host.events(), seen.time_ns + 1) as listener:
            assert notes(listener.until(lambda e: e)) == [StreamNote.GAP]

    def test_a_hanging_engine_refuses_new_streams_and_close_ends_a_silent_one(
        self, engine_host: EngineHost
    ) -> None:
        with Listener(engine_host.events()) as silent:
            engine_host.hang()
            try:
                with pytest.raises(EngineUnavailable):
                    next(iter(engine_host.events().batches(None)))
            finally:
                engine_host.resume()
            container_id = self.run(engine_host)
            silent.until(starts_of(container_id))

    def test_a_closed_stream_can_be_opened_again(self, engine_host: EngineHost) -> None:
        stream = engine_host.events()
        for _ in range(2):
            with Listener(stream) as listener:
                container_id = self.run(engine_host)
                listener.until(starts_of(container_id))

    def test_nothing_of_a_storm_is_lost(self, engine_host: EngineHost) -> None:
        made = engine_host.image()
        with Listener(engine_host.events()) as listener:
            for number in range(500):
                engine_host.tag(made, f"lab/storm:{number % 5}")
            last = engine_host.create(made.reference)
            events = listener.until(lambda e: "create" in actions(e, last))
        assert sum(event.name.startswith("lab/storm:") for event in events) == 500


class TestOnFake(EventsContract):
    @pytest.fixture
    def engine_host(self) -> FakeEngineHost:
        return FakeEngineHost(containerd_store=False)


@pytest.mark.lab
class TestOnRealEngine(EventsContract):
    @pytest.fixture
    def engine_host(self, host: LabHost, tmp_path: Path) -> RealEngineHost:
        return RealEngineHost(host, tmp_path)
