"""The registrar on a real registry and a real engine: what it resolves is what the engine has."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.image.digest import Digest
from registrar.images.resolve import resolve
from registrar.registry import Registries
from registrar.registry.manifests import DOCKER_MANIFEST, OCI_INDEX
from registrar.transfer.copying import copy_image
from registrar.transfer.image_tree import read_tree
from registrar.transfer.registry_repository import RegistryRepository
from tests.lab.host import LabHost
from tests.lab.images import BuiltImage
from tests.lab.registry import Registry
from tests.registrar.admin_folder import AdminFolder

Maker = Callable[..., BuiltImage]
WORDS = ("--requester", "ops", "--approver", "ann", "--reason", "runs already", "-y")


@pytest.fixture
def registry_address(host: LabHost, registry: Registry) -> Iterator[str]:
    """An address of this process's own that leads to the host's registry."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return  # the test is over
            far = host.connect("127.0.0.1", registry.port)
            for pair in ((near, far), (far, near)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def pump(source: socket.socket, target: socket.socket) -> None:
    """Hand on until one side goes."""
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other side went first


@pytest.fixture
def registries(tmp_path: Path) -> Registries:
    return Registries(docker_config=tmp_path / "none.json")


@pytest.mark.parametrize("media", ["docker", "oci"])
def test_a_real_registry_gives_every_digest(
    registry_address: str, push_image: Maker, registries: Registries, media: str
) -> None:
    built = push_image(media=media)
    image = resolve(built.reference(registry_address), registries)
    assert {str(one) for one in image.digests} == built.digests | set(built.chain_ids.values())


def test_a_real_registry_takes_copies_byte_for_byte(
    registry_address: str, push_image: Maker, registries: Registries
) -> None:
    built = push_image()
    client, target = registries.client(registry_address), f"copy/{built.repository}"
    one = built.images[0]
    assert client.head(target, built.tag) is None
    for layer in one.layers:
        assert client.mount(target, Digest.parse(layer.digest), built.repository)
    config = Digest.parse(one.config_digest)
    client.put_blob(target, config, one.config)
    assert client.get_blob(target, config) == one.config
    name = Digest.parse(one.manifest_digest)
    client.put_manifest(target, name, DOCKER_MANIFEST, one.manifest)
    assert client.put_manifest(target, "copied", DOCKER_MANIFEST, one.manifest) == name
    assert client.tags(target) == ("copied",)
    assert client.referrers(target, name) == ()
    assert client.head(target, config, blob=True) == len(one.config)
    assert client.get_manifest(target, "copied").media_type != OCI_INDEX


@pytest.mark.parametrize("media", ["docker", "oci"])
def test_a_fetched_copy_is_what_an_engine_pulls(
    host: LabHost,
    registry_address: str,
    registry: Registry,
    push_image: Maker,
    registries: Registries,
    media: str,
) -> None:
    built = push_image(media=media)
    client = registries.client(registry_address)
    source = RegistryRepository(client, built.repository)
    tree = read_tree(source, source.manifest(built.tag))
    target = RegistryRepository(client, f"approved/docker.io/{built.repository}")
    copy_image(source, target, tree, tags=("1",))
    name = f"{registry.address}/{target.path}:1"
    host.docker("pull", name)
    repo_digests = host.docker("image", "inspect", name, "-f", '{{join .RepoDigests " "}}').stdout
    assert f"{registry.address}/{target.path}@{built.top_digest}" in repo_digests.split()
    assert host.docker("run", "--rm", name, "true").returncode == 0


def test_what_runs_on_an_engine_is_seeded_approved_and_evaluated_as_there(
    host: LabHost, registry_address: str, registry: Registry, push_image: Maker, tmp_path: Path
) -> None:
    built = push_image()
    host.docker("run", "-d", built.reference(registry.address), "sleep", "600")
    admin, proposal = AdminFolder(tmp_path), tmp_path / "seed.json"
    admin.fine("seed", "--from-docker", host.docker_socket, "--to", proposal)
    document = json.loads(proposal.read_text())
    entries = [one for one in document["images"] if built.top_digest in one["reference"]]
    assert [one["containers"] for one in entries] == [1]
    # The engine's registry is on the host's own loopback; this process reaches it by the door.
    entries[0]["reference"] = entries[0]["reference"].replace(registry.address, registry_address)
    document |= {"images": entries, "reviewed_by": "ann"}
    proposal.write_text(json.dumps(document))
    admin.fine("image", "approve", "--from", proposal, "--scope", "acme", *WORDS)
    running = host.docker("ps", "-q", "--no-trunc").stdout.split()
    (image_id,) = {str(host.inspect(one)["Image"]) for one in running}
    assert admin.verdict(image_id, "acme.pay") == "approved"
    admin.fine("image", "revoke", built.top_digest, "--reason", "CVE-1", "-y")
    assert admin.verdict(image_id, "acme.pay") == "revoked"
