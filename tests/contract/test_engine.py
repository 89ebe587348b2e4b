"""The contract of `ports.Engine`, on the simulated host and on real engines."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.domain.identity import ContainerState
from agent.errors import EngineUnavailable
from tests.contract.yard import FakeYard, RealYard, Yard
from tests.lab.host import LabHost
from tests.patience import until

NOBODY = "0" * 64


class EngineContract:
    """What every engine adapter must do."""

    def running(self, yard: Yard, **options: object) -> str:
        container_id = yard.create(yard.image().reference, **options)  # type: ignore[arg-type] # create's own options
        yard.start(container_id)
        return container_id

    def state(self, yard: Yard, container_id: str) -> ContainerState | None:
        container = yard.engine.container(container_id)
        return container.state if container else None

    def test_a_container_is_known_by_the_content_it_was_made_from(self, yard: Yard) -> None:
        made = yard.image()
        container_id = yard.create(made.reference, labels={"image": "approved:1", "name": "x"})
        container = yard.engine.container(container_id)
        assert container and container.image
        assert container.image.image_id == made.image_id
        assert container.claimed_reference == made.reference
        assert container.name.startswith("yard-")
        assert container.state is ContainerState.CREATED
        assert container.labels["image"] == "approved:1"
        assert container.created_at is not None

    def test_identity_survives_moved_tags_and_deleted_images(self, yard: Yard) -> None:
        first, second = yard.image(), yard.image()
        container_id = yard.create(first.reference)
        yard.start(container_id)
        yard.tag(second, first.reference)
        moved = yard.engine.container(container_id)
        yard.delete_image(first.reference)
        deleted = yard.engine.container(container_id)
        assert moved and moved.image and moved.image.image_id == first.image_id
        assert deleted and deleted.image and deleted.image.image_id == first.image_id

    def test_a_container_without_an_image_is_judged_like_any_other(self, yard: Yard) -> None:
        container_id = yard.create("", labels={"image": "approved:1"})
        container = yard.engine.container(container_id)
        assert container and container.image is not None
        assert container.claimed_reference == ""

    def test_the_list_holds_all_containers_as_single_look_ups_show_them(self, yard: Yard) -> None:
        created = yard.create(yard.image().reference)
        started = self.running(yard)
        listed = {container.id: container for container in yard.engine.containers()}
        assert listed[created] == yard.engine.container(created)
        assert listed[started] == yard.engine.container(started)
        assert listed[started].state is ContainerState.RUNNING

    def test_an_unknown_container_is_none(self, yard: Yard) -> None:
        assert yard.engine.container(NOBODY) is None

    def test_an_image_is_found_by_reference_and_by_id(self, yard: Yard) -> None:
        made = yard.image()
        for way in (made.reference, str(made.image_id), made.image_id.hex, made.image_id.short):
            found = yard.engine.image(way)
            assert found and found.image_id == made.image_id, way
        assert yard.engine.image(f"sha256:{made.image_id.short}") == yard.engine.image(way)

    @pytest.mark.parametrize("reference", ["yard/none:1", f"sha256:{NOBODY}", "Not::a//name"])
    def test_an_unknown_image_is_none(self, yard: Yard, reference: str) -> None:
        assert yard.engine.image(reference) is None

    def test_the_chain_of_a_container_is_that_of_its_image(self, yard: Yard) -> None:
        made = yard.image()
        container = yard.engine.container(yard.create(made.reference))
        assert container and container.image
        chain = yard.engine.chain(container.image).chain
        assert chain[-1] == made.chain_id
        assert len(chain) > 1

    def test_a_killed_container_is_not_brought_back_by_its_restart_policy(self, yard: Yard) -> None:
        container_id = self.running(yard, restart=True)
        yard.engine.kill(container_id)
        until(lambda: self.state(yard, container_id) is ContainerState.EXITED, "its end")
        time.sleep(0.5)  # the policy's first pause is 0.1 s
        assert self.state(yard, container_id) is ContainerState.EXITED

    def test_stop_and_pause_and_remove_do_what_they_say(self, yard: Yard) -> None:
        stopped, paused, removed = (self.running(yard) for _ in range(3))
        yard.engine.stop(stopped, 0)
        yard.engine.pause(paused)
        yard.engine.remove(removed)
        assert self.state(yard, stopped) is ContainerState.EXITED
        assert self.state(yard, paused) is ContainerState.PAUSED
        assert self.state(yard, removed) is None

    def test_a_wish_that_is_fulfilled_already_is_quiet(self, yard: Yard) -> None:
        container_id = self.running(yard)
        for _ in range(2):
            yard.engine.pause(container_id)
        for _ in range(2):
            yard.engine.kill(container_id)
        until(lambda: self.state(yard, container_id) is ContainerState.EXITED, "its end")
        yard.engine.stop(container_id, 1)
        yard.engine.pause(container_id)
        for _ in range(2):
            yard.engine.remove(container_id)
        yard.engine.kill(container_id)
        yard.engine.stop(container_id, 1)
        yard.engine.pause(container_id)
        assert yard.engine.container(container_id) is None

    def test_a_pool_of_threads_may_act_at_once(self, yard: Yard) -> None:
        made = yard.image()
        ids = [yard.create(made.reference) for _ in range(12)]
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(yard.engine.remove, ids))
        assert not set(ids) & {container.id for container in yard.engine.containers()}

    def test_evidence_names_the_container_and_how_its_image_came_to_be(self, yard: Yard) -> None:
        container = yard.engine.container(self.running(yard))
        assert container
        evidence = yard.engine.evidence(container)
        assert evidence["container"]["Name"].lstrip("/") == container.name

    def test_while_the_engine_hangs_identity_is_still_known(self, yard: Yard) -> None:
        made = yard.image()
        container_id = yard.create(made.reference)
        yard.start(container_id)
        yard.hang()
        try:
            container = yard.engine.container(container_id)
            assert container and container.image and container.image.image_id == made.image_id
            assert container.state is ContainerState.RUNNING
            assert yard.engine.container(NOBODY) is None
            yard.engine.evidence(container)
            with pytest.raises(EngineUnavailable):
                yard.engine.info()
        finally:
            yard.resume()
        assert yard.engine.info().version

    def test_an_engine_that_is_down_is_unavailable_and_comes_back(self, yard: Yard) -> None:
        yard.crash()
        try:
            with pytest.raises(EngineUnavailable):
                yard.engine.containers()
        finally:
            yard.restart()
        assert yard.engine.info().version
        assert isinstance(list(yard.engine.containers()), list)


class TestOnFake(EngineContract):
    @pytest.fixture(params=[False, True], ids=["classic", "containerd"])
    def yard(self, request: pytest.FixtureRequest) -> FakeYard:
        return FakeYard(containerd_store=request.param)


@pytest.mark.lab
class TestOnRealEngine(EngineContract):
    @pytest.fixture
    def yard(self, host: LabHost, tmp_path: Path) -> Iterator[RealYard]:
        yield RealYard(host, tmp_path)
