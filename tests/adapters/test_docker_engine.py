"""The engine adapter where no real engine would misbehave on demand: lies, silence, damage."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.adapters.docker_engine import DockerEngine
from agent.errors import EngineRefused, EngineUnavailable
from core.image.digest import Digest, chain_ids
from core.image.identity import ContainerState, ImageIdentity
from tests.adapters.docker_server import serving

ID = "c" * 64
IMAGE = "sha256:" + "a" * 64


def reply(status: int, document: object) -> bytes:
    """One JSON answer."""
    body = json.dumps(document).encode()
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (
        status,
        len(body),
        body,
    )


def silent(_target: str) -> bytes:
    """An engine that hangs."""
    return b""


def record(root: Path, container_id: str = ID, **changes: Any) -> None:
    """Write a container's record as the engine does."""
    folder = root / "containers" / container_id
    folder.mkdir(parents=True)
    config = {"ID": container_id, "Name": "/web", "Image": IMAGE, "State": {"Running": True}}
    (folder / "config.v2.json").write_text(json.dumps(config | changes))


def blob(root: Path, document: Mapping[str, Any]) -> str:
    """Put a document into the engine's own containerd content store; returns its digest."""
    content = json.dumps(document).encode()
    digest = Digest.of(content)
    folder = root / "containerd/daemon/io.containerd.content.v1.content/blobs/sha256"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / digest.hex).write_bytes(content)
    return str(digest)


def containerd_engine(tmp_path: Path, target: str) -> bytes:
    """An engine with the containerd store that knows no images."""
    status = [["driver-type", "io.containerd.snapshotter.v1"]]
    if target.startswith("/info"):
        return reply(200, {"DriverStatus": status, "DockerRootDir": str(tmp_path)})
    return reply(404, {"message": "No such image"})


def test_a_hanging_engines_container_is_read_from_its_record(tmp_path: Path) -> None:
    record(tmp_path)
    with serving(tmp_path / "s", silent):
        container = DockerEngine(str(tmp_path / "s"), root_dir=str(tmp_path)).container(ID)
    assert container and container.image
    assert str(container.image.image_id) == IMAGE
    assert container.state is ContainerState.RUNNING


def test_without_its_records_a_hanging_engine_is_unavailable(tmp_path: Path) -> None:
    with serving(tmp_path / "s", silent):
        for engine in (
            DockerEngine(str(tmp_path / "s"), timeout=0.2),
            DockerEngine(str(tmp_path / "s"), root_dir=str(tmp_path / "elsewhere")),
        ):
            with pytest.raises(EngineUnavailable):
                engine.container(ID)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"ID": 5, "Image": ["x"]}'])
def test_a_damaged_record_is_no_container_or_one_without_identity(
    tmp_path: Path, content: str
) -> None:
    record(tmp_path)
    (tmp_path / "containers" / ID / "config.v2.json").write_text(content)
    with serving(tmp_path / "s", silent):
        container = DockerEngine(str(tmp_path / "s"), root_dir=str(tmp_path)).container(ID)
    assert container is None or container.image is None


@pytest.mark.parametrize("odd", ["../../etc", "..", "", "C" * 64, ID + "/x"])
def test_only_a_full_id_leads_to_a_record(tmp_path: Path, odd: str) -> None:
    record(tmp_path)
    with serving(tmp_path / "s", silent):
        assert DockerEngine(str(tmp_path / "s"), root_dir=str(tmp_path)).container(odd) is None


def test_a_list_that_one_damaged_container_breaks_is_read_from_the_records(tmp_path: Path) -> None:
    record(tmp_path)
    record(tmp_path, "d" * 64)
    failure = reply(500, {"message": "snapshot does not exist"})
    with serving(tmp_path / "s", lambda _: failure):
        engine = DockerEngine(str(tmp_path / "s"), root_dir=str(tmp_path))
        assert {container.id for container in engine.containers()} == {ID, "d" * 64}
        with pytest.raises(EngineRefused, match="snapshot does not exist"):
            DockerEngine(str(tmp_path / "s")).containers()


@pytest.mark.parametrize("verb", ["kill", "pause"])
def test_a_conflict_that_does_not_fulfil_the_wish_is_reported(tmp_path: Path, verb: str) -> None:
    conflict = reply(409, {"message": "Container x is restarting, wait until it runs"})
    with (
        serving(tmp_path / "s", lambda _: conflict),
        pytest.raises(EngineRefused, match="is restarting"),
    ):
        getattr(DockerEngine(str(tmp_path / "s")), verb)(ID)


def test_nothing_is_tried_twice(tmp_path: Path) -> None:
    with serving(tmp_path / "s", lambda _: reply(500, {"message": "no"})) as targets:
        with pytest.raises(EngineRefused):
            DockerEngine(str(tmp_path / "s")).remove(ID)
        assert len(targets) == 1


def test_an_engine_that_is_not_there_is_unavailable_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable) as caught:
        DockerEngine(str(tmp_path / "none")).info()
    assert "systemctl" in caught.value.hint


def test_with_the_containerd_store_the_chain_is_that_of_the_manifest_that_runs(
    tmp_path: Path,
) -> None:
    layers = [str(Digest.of(b"one")), str(Digest.of(b"two"))]
    config = blob(tmp_path, {"rootfs": {"type": "layers", "diff_ids": layers}})
    manifest = blob(tmp_path, {"config": {"digest": config}, "layers": []})
    index = blob(tmp_path, {"manifests": [{"digest": manifest}]})
    image = ImageIdentity(Digest.parse(index), Digest.parse(manifest))
    with serving(tmp_path / "s", lambda target: containerd_engine(tmp_path, target)):
        chain = DockerEngine(str(tmp_path / "s")).chain(image).chain
    assert chain == chain_ids(Digest.parse(layer) for layer in layers)


@pytest.mark.parametrize("fault", ["index", "swapped bytes", "not there"])
def test_no_chain_is_borrowed_from_what_does_not_run(tmp_path: Path, fault: str) -> None:
    config = blob(tmp_path, {"rootfs": {"diff_ids": [str(Digest.of(b"approved layer"))]}})
    document: dict[str, Any] = {"config": {"digest": config}, "layers": []}
    if fault == "index":
        document["manifests"] = [{"digest": str(Digest.of(b"evil"))}]
    digest = Digest.parse(blob(tmp_path, document))
    store = tmp_path / "containerd/daemon/io.containerd.content.v1.content/blobs/sha256"
    if fault == "swapped bytes":
        (store / digest.hex).write_text(json.dumps(document) + " ")
    if fault == "not there":
        (store / digest.hex).unlink()
    with serving(tmp_path / "s", lambda target: containerd_engine(tmp_path, target)):
        assert DockerEngine(str(tmp_path / "s")).chain(ImageIdentity(digest)).chain == ()
