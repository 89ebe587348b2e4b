"""A copy has every digest of the original wherever it comes from and goes to, or it is refused."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.image.digest import Digest
from registrar.registry import NotAsClaimed, NotInRegistry, Registries, RegistryError
from registrar.registry.manifests import OCI_MANIFEST
from registrar.transfer.copying import Copied, copy_image
from registrar.transfer.image_tree import read_tree
from registrar.transfer.layout_folder import LayoutFolder
from registrar.transfer.registry_repository import RegistryRepository
from registrar.transfer.transfer_ports import ImageSource, ImageTarget
from tests.lab.built import BuiltImage, canonical, descriptor, digest
from tests.registrar.registry_server import Stored, make_image, serving

EMPTY = "application/vnd.oci.empty.v1+json"
UPSTREAM = "team/web"


@pytest.fixture
def upstream() -> Iterator[Stored]:
    with serving() as stored:
        yield stored


@pytest.fixture
def private() -> Iterator[Stored]:
    with serving() as stored:
        yield stored


@pytest.fixture
def registries(tmp_path: Path) -> Registries:
    return Registries(docker_config=tmp_path / "none.json")


def repository(registries: Registries, stored: Stored, path: str = UPSTREAM) -> RegistryRepository:
    return RegistryRepository(registries.client(stored.address), path)


def copied(source: ImageSource, target: ImageTarget, image: BuiltImage, *tags: str) -> Copied:
    tree = read_tree(source, source.manifest(Digest.parse(image.top_digest)))
    return copy_image(source, target, tree, tags=tags)


def sign(stored: Stored, image: BuiltImage, *, tag: str = "") -> str:
    """Store a statement about the image: by its subject, or by cosign's older tag."""
    payload = f"signed {image.top_digest}".encode()
    stored.blobs |= {digest(payload): payload, digest(b"{}"): b"{}"}
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": "application/vnd.example.signature",
        "config": descriptor(EMPTY, b"{}"),
        "layers": [descriptor("application/vnd.example.signature", payload)],
    }
    subject = Digest.parse(image.top_digest)
    if not tag:
        manifest["subject"] = {**descriptor(OCI_MANIFEST, image.index or b""), "size": 1}
    content = canonical(manifest)
    name = tag or digest(content)
    stored.put(image.repository, name, OCI_MANIFEST, content)
    if not tag:
        kind = "application/vnd.oci.image.index.v1+json"
        listed = {
            "schemaVersion": 2,
            "mediaType": kind,
            "manifests": [descriptor(OCI_MANIFEST, content)],
        }
        stored.put(image.repository, f"sha256-{subject.hex}", kind, canonical(listed))
    return digest(content)


def uploads(stored: Stored) -> int:
    return sum(1 for method, path, _ in stored.requests if method == "PUT" and "/blobs/" in path)


def everything(image: BuiltImage) -> set[str]:
    layers = {layer.digest for one in image.images for layer in one.layers}
    return layers | {one.config_digest for one in image.images}


@pytest.mark.parametrize("media", ["oci", "docker"])
@pytest.mark.parametrize("index", [True, False])
def test_registry_to_registry(
    upstream: Stored, private: Stored, registries: Registries, media: Any, index: bool
) -> None:
    platforms = ("linux/amd64", "linux/arm64") if index else ("linux/amd64",)
    image = upstream.push(make_image(UPSTREAM, media=media, index=index, platforms=platforms))
    target = repository(registries, private, "quarantine/team/web")
    done = copied(repository(registries, upstream), target, image, "1", "stable")
    manifests = {one.manifest_digest for one in image.images} | {image.top_digest}
    assert {name for _, name in private.manifests} == manifests | {"1", "stable"}
    assert set(private.blobs) == everything(image)
    assert done == Copied(
        blobs=len(everything(image)),
        size=sum(map(len, private.blobs.values())),
        there=0,
        manifests=len(manifests),
        referrers=0,
    )
    assert private.manifests["quarantine/team/web", "stable"][1] == (
        image.index or image.images[0].manifest
    )


def test_through_a_folder_and_back(
    upstream: Stored, private: Stored, registries: Registries, tmp_path: Path
) -> None:
    image = upstream.push(make_image(UPSTREAM))
    statement = sign(upstream, image)
    folder, target = LayoutFolder(tmp_path / "layout"), repository(registries, private)
    copied(repository(registries, upstream), folder, image, "1")
    again = LayoutFolder(tmp_path / "layout")
    assert [str(one.digest) for one in again.referrers(Digest.parse(image.top_digest))] == [
        statement
    ]
    assert str(again.manifest("1").digest) == image.top_digest
    copied(again, target, image, "1")
    assert set(private.blobs) == set(upstream.blobs)
    assert str(target.manifest("1").digest) == image.top_digest
    assert json.loads((tmp_path / "layout" / "oci-layout").read_text()) == {
        "imageLayoutVersion": "1.0.0"
    }


def test_what_is_there_is_not_copied_again(
    upstream: Stored, private: Stored, registries: Registries
) -> None:
    image = upstream.push(make_image(UPSTREAM))
    source, target = repository(registries, upstream), repository(registries, private)
    copied(source, target, image, "1")
    before = uploads(private)
    done = copied(source, target, image, "1")
    assert uploads(private) == before
    assert (done.blobs, done.there) == (0, len(everything(image)))


def test_a_copy_that_broke_off_goes_on(
    upstream: Stored, private: Stored, registries: Registries
) -> None:
    image = upstream.push(make_image(UPSTREAM))
    source, target = repository(registries, upstream), repository(registries, private)
    late = image.images[1].config_digest
    private.hook = lambda method, path, _headers: (
        (400, {}, b"{}") if method == "PUT" and late[7:] in path else None
    )
    with pytest.raises(RegistryError, match="400"):
        copied(source, target, image, "1")
    assert not private.manifests  # nobody finds half an image
    private.hook = lambda *_arguments: None
    before = len(private.blobs)
    done = copied(source, target, image, "1")
    assert (done.blobs, done.there) == (len(everything(image)) - before, before)
    assert set(private.blobs) == everything(image)


def test_blobs_of_the_same_registry_are_mounted(upstream: Stored, registries: Registries) -> None:
    image = upstream.push(make_image(UPSTREAM))
    target = repository(registries, upstream, "approved/team/web")
    upstream.hook = lambda method, path, _headers: (
        (404, {}, b"") if method == "HEAD" and "/approved/" in path else None
    )
    copied(repository(registries, upstream), target, image, "1")
    assert uploads(upstream) == 0
    assert any("mount=" in path for _, path, _ in upstream.requests)


@pytest.mark.parametrize("by_tag", [False, True])
def test_signatures_travel(
    upstream: Stored, private: Stored, registries: Registries, by_tag: bool
) -> None:
    image = upstream.push(make_image(UPSTREAM))
    tag = f"sha256-{image.top_digest[7:]}.sig" if by_tag else ""
    statement = sign(upstream, image, tag=tag)
    source, target = repository(registries, upstream), repository(registries, private)
    done = copied(source, target, image, "1")
    assert done.referrers == 1
    if by_tag:
        assert str(target.manifest(tag).digest) == statement
    else:
        found = target.referrers(Digest.parse(image.top_digest))
        assert [str(one.digest) for one in found] == [statement]
    assert set(private.blobs) == set(upstream.blobs)


def test_changed_content_is_refused(
    upstream: Stored, private: Stored, registries: Registries
) -> None:
    image = upstream.push(make_image(UPSTREAM))
    layer = image.images[0].layers[0].digest
    upstream.blobs[layer] = b"x" * len(upstream.blobs[layer])
    with pytest.raises(NotAsClaimed, match="digest"):
        copied(repository(registries, upstream), repository(registries, private), image, "1")
    assert layer not in private.blobs
    assert not private.manifests


def test_a_tag_that_somebody_else_moves_is_noticed(
    upstream: Stored, private: Stored, registries: Registries
) -> None:
    image, other = upstream.push(make_image(UPSTREAM)), make_image(UPSTREAM, "2")
    kind, content = image.media_type("index"), other.index or b""
    private.hook = lambda method, path, _headers: (
        (200, {"Content-Type": kind}, content)
        if method == "GET" and path.endswith("/manifests/1")
        else None
    )
    with pytest.raises(NotAsClaimed, match="after the copy"):
        copied(repository(registries, upstream), repository(registries, private), image, "1")


def test_layers_that_lie_elsewhere_are_refused_before_anything_is_copied(
    upstream: Stored, private: Stored, registries: Registries
) -> None:
    image = make_image(UPSTREAM, index=False, platforms=("linux/amd64",))
    manifest = json.loads(image.images[0].manifest)
    manifest["layers"][0]["mediaType"] = (
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
    )
    name = upstream.put(UPSTREAM, "1", OCI_MANIFEST, canonical(manifest))
    source = repository(registries, upstream)
    with pytest.raises(NotAsClaimed, match="registries do not hold"):
        read_tree(source, source.manifest(Digest.parse(name)))
    assert not private.requests


def test_a_damaged_folder_is_named(
    upstream: Stored, registries: Registries, tmp_path: Path
) -> None:
    image = upstream.push(make_image(UPSTREAM))
    folder = LayoutFolder(tmp_path / "layout")
    copied(repository(registries, upstream), folder, image, "1")
    with pytest.raises(NotInRegistry, match="layout:2"):
        folder.manifest("2")
    config = Digest.parse(image.images[0].config_digest)
    folder.blob(config).write_bytes(b"{}")
    with pytest.raises(NotAsClaimed, match=config.hex), (tmp_path / "sink").open("w+b") as sink:
        folder.read_blob(config, sink)
    manifest = Digest.parse(image.images[0].manifest_digest)
    folder.blob(manifest).write_bytes(b"{}")
    with pytest.raises(NotAsClaimed, match=manifest.hex):
        folder.manifest(manifest)
    folder.blob(manifest).unlink()
    with pytest.raises(NotInRegistry, match=manifest.hex):
        folder.manifest(manifest)


def test_a_folder_takes_a_tag_from_its_former_image(
    upstream: Stored, registries: Registries, tmp_path: Path
) -> None:
    folder, source = LayoutFolder(tmp_path), repository(registries, upstream)
    for tag in ("1", "2"):
        copied(source, folder, upstream.push(make_image(UPSTREAM, tag)), "stable")
    assert str(folder.manifest("stable").digest) == make_image(UPSTREAM, "2").top_digest
    assert len(json.loads((tmp_path / "index.json").read_text())["manifests"]) == 1


def test_progress_adds_up(upstream: Stored, private: Stored, registries: Registries) -> None:
    image, seen = upstream.push(make_image(UPSTREAM)), [0]
    source, target = repository(registries, upstream), repository(registries, private)
    tree = read_tree(source, source.manifest(Digest.parse(image.top_digest)))
    copy_image(source, target, tree, progress=seen.append)
    assert sum(seen) == tree.size
    seen.clear()
    copy_image(source, target, tree, progress=seen.append)
    assert sum(seen) == tree.size
