"""The contract of `ports.Engine`, on the simulated host and on real engines."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.errors import EngineUnavailable
from core.image.identity import ContainerState
from tests.contract.engine_host import EngineHost, FakeEngineHost, RealEngineHost
from tests.lab.host import LabHost
from tests.patience import until

NOBODY = "0" * 64


class EngineContract:
    """What every engine adapter must do."""

    def running(self, engine_host: EngineHost, **options: object) -> str:
        container_id = engine_host.create(engine_host.image().reference, **options)  # type: ignore[arg-type] # create's own options
        engine_host.start(container_id)
        return container_id

    def state(self, engine_host: EngineHost, container_id: str) -> ContainerState | None:
        container = engine_host.engine.container(container_id)
        return container.state if container else None

    def test_a_container_is_known_by_the_content_it_was_made_from(
        self, engine_host: EngineHost
    ) -> None:
        made = engine_host.image()
        container_id = engine_host.create(
            made.reference, labels={"image": "approved:1", "name": "x"}
        )
        container = engine_host.engine.container(container_id)
        assert container and container.image
        assert container.image.image_id == made.image_id
        assert container.claimed_reference == made.reference
        assert container.name.startswith("lab-")
        assert container.state is ContainerState.CREATED
        assert container.labels["image"] == "approved:1"
        assert container.created_at is not None

    def test_identity_survives_moved_tags_and_deleted_images(self, engine_host: EngineHost) -> None:
        first, second = engine_host.image(), engine_host.image()
        container_id = engine_host.create(first.reference)
        engine_host.start(container_id)
        engine_host.tag(second, first.reference)
        moved = engine_host.engine.container(container_id)
        engine_host.delete_image(first.reference)
        deleted = engine_host.engine.container(container_id)
        assert moved and moved.image and moved.image.image_id == first.image_id
        assert deleted and deleted.image and deleted.image.image_id == first.image_id

    def test_a_container_without_an_image_is_evaluated_like_any_other(
        self, engine_host: EngineHost
    ) -> None:
        container_id = engine_host.create("", labels={"image": "approved:1"})
        container = engine_host.engine.container(container_id)
        assert container and container.image is not None
        assert container.claimed_reference == ""

    def test_the_list_holds_all_containers_as_single_look_ups_show_them(
        self, engine_host: EngineHost
    ) -> None:
        created = engine_host.create(engine_host.image().reference)
        started = self.running(engine_host)
        listed = {container.id: container for container in engine_host.engine.containers()}
        assert listed[created] == engine_host.engine.container(created)
        assert listed[started] == engine_host.engine.container(started)
        assert listed[started].state is ContainerState.RUNNING

    def test_an_unknown_container_is_none(self, engine_host: EngineHost) -> None:
        assert engine_host.engine.container(NOBODY) is None

    def test_an_image_is_found_by_reference_and_by_id(self, engine_host: EngineHost) -> None:
        made = engine_host.image()
        for way in (made.reference, str(made.image_id), made.image_id.hex, made.image_id.short):
            found = engine_host.engine.image(way)
            assert found and found.image_id == made.image_id, way
        assert engine_host.engine.image(
            f"sha256:{made.image_id.short}"
        ) == engine_host.engine.image(way)

    @pytest.mark.parametrize("reference", ["lab/none:1", f"sha256:{NOBODY}", "Not::a//name"])
    def test_an_unknown_image_is_none(self, engine_host: EngineHost, reference: str) -> None:
        assert engine_host.engine.image(reference) is None

    def test_the_chain_of_a_container_is_that_of_its_image(self, engine_host: EngineHost) -> None:
        made = engine_host.image()
        container = engine_host.engine.container(engine_host.create(made.reference))
        assert container and container.image
        chain = engine_host.engine.chain(container.image).chain
        assert chain[-1] == made.chain_id
        assert len(chain) > 1

    def test_a_killed_container_is_not_brought_back_by_its_restart_policy(
        self, engine_host: EngineHost
    ) -> None:
        container_id = self.running(engine_host, restart=True)
        engine_host.engine.kill(container_id)
        until(lambda: self.state(engine_host, container_id) is ContainerState.EXITED, "its end")
        time.sleep(0.5)  # the policy's first pause is 0.1 s
        assert self.state(engine_host, container_id) is ContainerState.EXITED

    def test_stop_and_pause_and_remove_do_what_they_say(self, engine_host: EngineHost) -> None:
        stopped, paused, removed = (self.running(engine_host) for _ in range(3))
        engine_host.engine.stop(stopped, 0)
        engine_host.engine.pause(paused)
        engine_host.engine.remove(removed)
        assert self.state(engine_host, stopped) is ContainerState.EXITED
        assert self.state(engine_host, paused) is ContainerState.PAUSED
        assert self.state(engine_host, removed) is None

    def test_a_wish_that_is_fulfilled_already_is_quiet(self, engine_host: EngineHost) -> None:
        container_id = self.running(engine_host)
        for _ in range(2):
            engine_host.engine.pause(container_id)
        for _ in range(2):
            engine_host.engine.kill(container_id)
        until(lambda: self.state(engine_host, container_id) is ContainerState.EXITED, "its end")
        engine_host.engine.stop(container_id, 1)
        engine_host.engine.pause(container_id)
        for _ in range(2):
            engine_host.engine.remove(container_id)
        engine_host.engine.kill(container_id)
        engine_host.engine.stop(container_id, 1)
        engine_host.engine.pause(container_id)
        assert engine_host.engine.container(container_id) is None

    def test_a_pool_of_threads_may_act_at_once(self, engine_host: EngineHost) -> None:
        made = engine_host.image()
        ids = [engine_host.create(made.reference) for _ in range(12)]
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(engine_host.engine.remove, ids))
        assert not set(ids) & {container.id for container in engine_host.engine.containers()}

    def test_evidence_names_the_container_and_how_its_image_came_to_be(
        self, engine_host: EngineHost
    ) -> None:
        container = engine_host.engine.container(self.running(engine_host))
        assert container
        evidence = engine_host.engine.evidence(container)
        assert evidence["container"]["Name"].lstrip("/") == container.name

    def test_while_the_engine_hangs_identity_is_still_known(self, engine_host: EngineHost) -> None:
        made = engine_host.image()
        container_id = engine_host.create(made.reference)
        engine_host.start(container_id)
        engine_host.hang()
        try:
            container = engine_host.engine.container(container_id)
            assert container and container.image and container.image.image_id == made.image_id
            assert container.state is ContainerState.RUNNING
            assert engine_host.engine.container(NOBODY) is None
            engine_host.engine.evidence(container)
            with pytest.raises(EngineUnavailable):
                engine_host.engine.info()
        finally:
            engine_host.resume()
        assert engine_host.engine.info().version

    def test_an_engine_that_is_down_is_unavailable_and_comes_back(
        self, engine_host: EngineHost
    ) -> None:
        engine_host.crash()
        try:
            with pytest.raises(EngineUnavailable):
                engine_host.engine.containers()
        finally:
            engine_host.restart()
        assert engine_host.engine.info().version
        assert isinstance(list(engine_host.engine.containers()), list)


class TestOnFake(EngineContract):
    @pytest.fixture(params=[False, True], ids=["classic", "containerd"])
    def engine_host(self, request: pytest.FixtureRequest) -> FakeEngineHost:
        return FakeEngineHost(containerd_store=request.param)


@pytest.mark.lab
class TestOnRealEngine(EngineContract):
    @pytest.fixture
    def engine_host(self, host: LabHost, tmp_path: Path) -> Iterator[RealEngineHost]:
        yield RealEngineHost(host, tmp_path)
